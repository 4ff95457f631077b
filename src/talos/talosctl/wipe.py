"""talosctl wipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from talos.talosctl.options import ClientGroup, Command, client_options, insecure_options
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from google.protobuf.message import Message


@click.group(cls=ClientGroup)
def wipe() -> None:
    """Wipe disks and volumes of nodes."""


def _wipe(session: Session, path: str, request: Message) -> None:
    session.ask(path, request).finish("error wiping device on node {node}: {error}")


@wipe.command(cls=Command)
@insecure_options
@client_options
@click.option("--method", default="FAST", type=click.Choice(["FAST", "ZEROES"]), help="signatures only, or every block")
@click.option("--drop-partition", is_flag=True, help="remove the partition afterwards")
@click.option("--skip-volume-check", is_flag=True, hidden=True)
@click.option("--skip-secondary-check", is_flag=True, hidden=True)
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...")
def disk(
    session: Session,
    devices: tuple[str, ...],
    method: str,
    drop_partition: bool,
    skip_volume_check: bool,
    skip_secondary_check: bool,
) -> None:
    """Wipe disks or partitions that no volume uses, by their names in talosctl get disks."""
    from talos.api import storage_pb2

    _wipe(
        session,
        "/storage.StorageService/BlockDeviceWipe",
        storage_pb2.BlockDeviceWipeRequest(
            devices=[
                storage_pb2.BlockDeviceWipeDescriptor(
                    device=device,
                    method=method,
                    skip_volume_check=skip_volume_check,
                    skip_secondary_check=skip_secondary_check,
                    drop_partition=drop_partition,
                )
                for device in devices
            ]
        ),
    )


@wipe.command(cls=Command)
@insecure_options
@client_options
@click.argument("volume", metavar="GROUP/VOLUME")
def lv(session: Session, volume: str) -> None:
    """Remove a logical volume of LVM."""
    from talos.api import machine_pb2

    group, _, name = volume.partition("/")
    if not group or not name:
        raise click.UsageError(f"{volume!r} is not GROUP/VOLUME: talosctl get lvs lists them")
    request = machine_pb2.LVMServiceLogicalVolumeRemoveRequest(volume_group=group, logical_volume=name)
    _wipe(session, "/machine.LVMService/LogicalVolumeRemove", request)


@wipe.command(cls=Command)
@insecure_options
@client_options
@click.argument("name", metavar="GROUP")
def vg(session: Session, name: str) -> None:
    """Remove a volume group of LVM."""
    from talos.api import machine_pb2

    request = machine_pb2.LVMServiceVolumeGroupRemoveRequest(volume_group=name)
    _wipe(session, "/machine.LVMService/VolumeGroupRemove", request)


@wipe.command(cls=Command)
@insecure_options
@client_options
@click.argument("device")
def pv(session: Session, device: str) -> None:
    """Remove a physical volume of LVM."""
    from talos.api import machine_pb2

    request = machine_pb2.LVMServicePhysicalVolumeRemoveRequest(device=device)
    _wipe(session, "/machine.LVMService/PhysicalVolumeRemove", request)


@wipe.command(cls=Command)
@insecure_options
@client_options
@click.argument("device")
def md(session: Session, device: str) -> None:
    """Destroy a RAID array."""
    from talos.api import machine_pb2

    _wipe(session, "/machine.MDService/Destroy", machine_pb2.MDDestroyRequest(device=device))

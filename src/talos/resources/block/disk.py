"""Disk: resource type Disks.block.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="Disks.block.talos.dev",
    namespace="runtime",
    display="Disk",
    aliases=("disk",),
    all_aliases=("disks", "disks.block", "disks.block.talos"),
    columns=(
        ("Size", "{.pretty_size}"),
        ("Read Only", "{.readonly}"),
        ("Transport", "{.transport}"),
        ("Rotational", "{.rotational}"),
        ("WWID", "{.wwid}"),
        ("Model", "{.model}"),
        ("Serial", "{.serial}"),
    ),
    proto="talos.resource.definitions.block.DiskSpec",
    omit_empty=(
        "model",
        "firmware_version",
        "serial",
        "modalias",
        "wwid",
        "uuid",
        "bus_path",
        "sub_system",
        "transport",
        "rotational",
        "secondary_disks",
        "symlinks",
    ),
)
class DiskSpec(Spec):
    """Spec of Disks.block.talos.dev."""

    dev_path: str = msgspec.field(default="", name="dev_path")
    size: int = 0
    pretty_size: str = msgspec.field(default="", name="pretty_size")
    io_size: int = msgspec.field(default=0, name="io_size")
    sector_size: int = msgspec.field(default=0, name="sector_size")
    readonly: bool = False
    cdrom: bool = False
    model: str = ""
    firmware_version: str = msgspec.field(default="", name="firmware_version")
    serial: str = ""
    modalias: str = ""
    wwid: str = ""
    uuid: str = ""
    bus_path: str = msgspec.field(default="", name="bus_path")
    sub_system: str = msgspec.field(default="", name="sub_system")
    transport: str = ""
    rotational: bool = False
    secondary_disks: list[str] = msgspec.field(default_factory=list, name="secondary_disks")
    symlinks: list[str] = []

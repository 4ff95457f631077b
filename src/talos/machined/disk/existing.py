"""A volume that somebody else made, found by the expression of an ExistingVolumeConfig."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from talos.config import cel
from talos.controllers.block import discovery
from talos.linux import gpt
from talos.linux.block import BlockDevice
from talos.linux.modules import ModuleTree
from talos.machined.disk import layout
from talos.machined.disk.filesystem import VolumeError
from talos.machined.disk.selector import attributes

MODULES = {"xfs": "xfs", "ext4": "ext4", "ext3": "ext4", "ext2": "ext4", "vfat": "vfat", "iso9660": "isofs",
           "btrfs": "btrfs"}  # fmt: skip
"""file system → the module that mounts it; what is not here is not mounted"""


class Existing(msgspec.Struct, frozen=True):
    """What was found. number: of the partition, 0 for a disk."""

    disk: Path
    device: Path
    number: int
    identity: str
    kind: str


def find(expression: str, devices: Iterable[BlockDevice], system: Path) -> Existing:
    """The one volume that an expression means. VolumeError: none or several, or nothing that can be mounted."""
    known = {device.name: device for device in devices}
    tables: dict[str, gpt.Table | None] = {}
    found: list[tuple[BlockDevice, str, str]] = []
    for device in sorted(known.values(), key=lambda one: (one.is_partition, one.name)):
        superblock, own = discovery.probe(device.node, device.sector_size)
        tables[device.name] = own
        parent = known.get(device.parent, device)
        spec = discovery.volume(device, superblock, own, tables.get(device.parent))
        on_system = parent.node == system
        if on_system and (not device.is_partition or spec.partition_label in layout.OURS):
            continue
        disk = {**attributes(parent), "secondary_disks": list(parent.secondaries), "io_size": parent.io_size}
        values = {"volume": _fields(spec), "disk": disk, "system_disk": on_system}
        try:
            if cel.matches(expression, values):
                found.append((device, spec.name, spec.partition_uuid or spec.uuid))
        except cel.CelError as error:
            raise VolumeError(f"discovery.volumeSelector: {error}") from error
    if not found:
        raise VolumeError(f"no volume matches {expression!r}: `talosctl get discoveredvolumes` lists what there is")
    if len(found) > 1:
        listed = ", ".join(str(device.node) for device, _, _ in found)
        raise VolumeError(f"{expression!r} means more than one volume: {listed}")
    device, kind, identity = found[0]
    if kind not in MODULES:
        what = "it is encrypted, and nothing says with which key" if kind == "luks" else f"it holds {kind or 'nothing'}"
        raise VolumeError(f"{device.node} is not mounted: {what}, not one of {', '.join(MODULES)}")
    return Existing(Path("/dev", device.parent or device.name), device.node, device.partition, identity, kind)


def _fields(spec: object) -> dict[str, object]:
    """Names as they stand in the message of the resource, which expressions use."""
    return {name: getattr(spec, name) for name in spec.__struct_fields__}  # type: ignore[attr-defined]


def load_modules(kind: str) -> None:
    """mount(2) would ask another system's modprobe. One that is built in is no matter."""
    tree = ModuleTree()
    for name in tree.named(MODULES[kind]):
        with contextlib.suppress(OSError):
            tree.load([name])



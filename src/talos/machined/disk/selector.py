"""Which disk to install to: the path that the configuration names, its CEL expression, or the older fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from talos.config import cel
from talos.config.v1alpha1.install import InstallDiskSelector
from talos.linux import block_names
from talos.linux.block import BlockDevice

_SIZE = re.compile(r"\s*(<=|>=|==|<|>)?\s*(.+)")
_UNITS = {"": 1, **cel.UNITS}
TYPES: dict[str, Callable[[BlockDevice], bool]] = {
    "ssd": lambda disk: not disk.rotational and disk.transport != "nvme",
    "hdd": lambda disk: disk.rotational,
    "nvme": lambda disk: disk.transport == "nvme",
    "sd": lambda disk: disk.transport == "mmc",
}


class SelectError(Exception):
    """No disk, or the selector cannot be read; the text lists what there is."""


def attributes(disk: BlockDevice) -> dict[str, Any]:
    """Fields of `disk` in an expression (resource DiskSpec)."""
    return {
        "size": disk.size, "dev_path": str(disk.node), "model": disk.model, "serial": disk.serial, "wwid": disk.wwid,
        "modalias": disk.modalias, "uuid": disk.uuid, "bus_path": disk.bus_path, "sub_system": disk.subsystem,
        "transport": disk.transport, "rotational": disk.rotational, "readonly": disk.readonly, "cdrom": disk.cdrom,
        "symlinks": _links(disk), "sector_size": disk.sector_size,
    }  # fmt: skip


def _links(disk: BlockDevice) -> list[str]:
    """Names that say which disk it is, not what lies on it."""
    path = block_names.path_name(disk)
    names = [*(f"by-id/{name}" for name in block_names.ids(disk)), *([f"by-path/{path}"] if path else [])]
    return [f"/dev/disk/{name}" for name in names]


def choose(
    disks: Sequence[BlockDevice], path: str = "", expression: str = "", fields: InstallDiskSelector | None = None
) -> BlockDevice:
    """The first disk, by name, that is meant. SelectError."""
    usable = [disk for disk in disks if not disk.cdrom and not disk.readonly and disk.size]
    if path:
        wanted = Path(path).resolve() if Path(path).exists() else Path(path)
        found = [disk for disk in usable if disk.node in (wanted, Path(path))]
        meant = f"is {path}"
    elif expression:
        try:
            known = {"system_disk": False}
            found = [disk for disk in usable if cel.matches(expression, {**known, "disk": attributes(disk)})]
        except cel.CelError as error:
            raise SelectError(f"diskSelector: {error}") from error
        meant = f"matches {expression!r}"
    elif fields is not None:
        found = [disk for disk in usable if _matches(disk, fields)]
        meant = "matches machine.install.diskSelector"
    else:
        raise SelectError(f"the configuration names no disk to install to: {_listed(usable)}")
    if not found:
        raise SelectError(f"no disk {meant}: {_listed(usable)}")
    return found[0]


def _listed(disks: Sequence[BlockDevice]) -> str:
    shown = [f"{d.node} ({d.size / 1e9:.1f} GB{f', {d.model}' if d.model else ''})" for d in disks]
    return f"this machine has {', '.join(shown)}" if shown else "this machine has no disk"


def _matches(disk: BlockDevice, fields: InstallDiskSelector) -> bool:
    patterns = [
        (fields.model, disk.model), (fields.serial, disk.serial), (fields.modalias, disk.modalias),
        (fields.uuid, disk.uuid), (fields.wwid, disk.wwid), (fields.name, disk.name), (fields.bus_path, disk.bus_path),
    ]  # fmt: skip
    if not all(fnmatchcase(text, pattern) for pattern, text in patterns if pattern):
        return False
    if fields.type and not (fields.type in TYPES and TYPES[fields.type](disk)):
        return False
    return not fields.size or _size_matches(disk.size, str(fields.size))


def _size_matches(size: int, matcher: str) -> bool:
    match = _SIZE.fullmatch(matcher)
    number = re.fullmatch(r"([\d.]+)\s*([A-Za-z]*)", match[2]) if match else None
    if match is None or number is None or number[2] not in _UNITS:
        raise SelectError(f"machine.install.diskSelector.size: {matcher!r} is no size such as '>= 10GB'")
    wanted = int(float(number[1]) * _UNITS[number[2]])
    return {
        "<": size < wanted, "<=": size <= wanted, ">": size > wanted, ">=": size >= wanted, "==": size == wanted,
        None: size == wanted,
    }[match[1]]  # fmt: skip

"""The disk that the system is installed to, found at every start of a machine, before anything else runs.

A system disk is one that has both EFI and META by partition name; the one that the loader booted from comes first.
STATE and EPHEMERAL are made when they are missing (a raw disk image has neither), and EPHEMERAL grows to what the disk
offers, unless the configuration says otherwise (talos.machined.disk.ephemeral); what lies on them is
talos.machined.disk.volumes'. Without such a disk the machine runs from its medium, in memory.
"""

from __future__ import annotations

import logging
from pathlib import Path

from msgspec import Struct

from talos.linux import gpt
from talos.linux.block import disks, partition_path
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID
from talos.machined.disk import layout

log = logging.getLogger("machined.disk")

LOADER_PARTITION = Path("/sys/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f")
_STRICT = MS_NOSUID | MS_NODEV | MS_NOEXEC
# A container's root is an overlay with flags of its own: set-uid programs of images work, those on /var itself do not.
TARGETS = ((layout.EFI, "/boot", "vfat", _STRICT), (layout.STATE, "/system/state", "xfs", _STRICT),
           (layout.EPHEMERAL, "/var", "xfs", MS_NOSUID | MS_NODEV))  # fmt: skip


class SystemDisk(Struct, frozen=True):
    """Where the partitions of the installed system are."""

    path: Path
    table: gpt.Table

    def device(self, name: str) -> Path | None:
        """The partition of that name."""
        partition = self.table.named(name)
        return partition_path(self.path, partition.number) if partition is not None else None


def booted_partition(variable: Path = LOADER_PARTITION) -> str:
    """UUID of the partition that the loader came from, in lower case; "" if it does not tell."""
    try:
        return variable.read_bytes()[4:].decode("utf-16-le").rstrip("\0").lower()
    except (OSError, UnicodeDecodeError):
        return ""


def find(candidates: list[Path] | None = None, booted: str | None = None) -> SystemDisk | None:
    """The installed system's disk, None when nothing is installed."""
    booted = booted_partition() if booted is None else booted
    found = []
    for path in candidates if candidates is not None else [disk.node for disk in disks() if not disk.cdrom]:
        try:
            with OpenDisk(path) as disk:
                table = disk.table()
        except (OSError, gpt.TableError):
            continue
        if table.named(layout.EFI) is not None and table.named(layout.META) is not None:
            found.append(SystemDisk(path, table))
    for disk_found in found:
        efi = disk_found.table.named(layout.EFI)
        if efi is not None and str(efi.id) == booted:
            return disk_found
    return found[0] if found else None


def complete(disk: SystemDisk) -> SystemDisk:
    """Make the partitions that are missing and that the configuration has no say in. TableError, OSError."""
    return rewritten(disk, layout.with_system(disk.table))


def with_ephemeral(disk: SystemDisk) -> SystemDisk:
    """The same for EPHEMERAL, with all the room that there is. TableError, OSError."""
    return rewritten(disk, layout.with_ephemeral(disk.table))


def rewritten(disk: SystemDisk, table: gpt.Table) -> SystemDisk:
    """With another table, if it is another. TableError, OSError."""
    with OpenDisk(disk.path, writable=True) as opened:
        if table != disk.table:
            log.info("%s: partitions are completed", disk.path)
            for partition in table.partitions:
                if disk.table.named(partition.name) is None:
                    opened.wipe(partition.first * opened.sector, min(1 << 20, partition.sectors * opened.sector))
            opened.write_table(table)
        else:
            opened.tell_kernel(table)
    return SystemDisk(disk.path, table)

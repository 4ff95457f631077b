"""Whether a disk is somebody's: what lies on it, told without writing to it."""

from __future__ import annotations

from talos.linux import gpt
from talos.linux.disk_io import OpenDisk
from talos.linux.superblock import probe
from talos.machined.disk import layout

EDGE = 1 << 20
_MD_MAGIC = bytes.fromhex("fc4e2ba9")


def foreign(disk: OpenDisk) -> str:
    """What lies on a disk that an installer must not take without being told, "" for an empty one and for one whose
    installation was cut short."""
    try:
        table = disk.table()
    except gpt.TableError:
        return foreign_without_table(disk)
    names = [partition.name or f"number {partition.number}" for partition in table.partitions]
    if layout.UNFINISHED in names and set(names) <= layout.OURS:
        return ""
    return f"partitions ({', '.join(names)})" if names else ""


def foreign_without_table(disk: OpenDisk) -> str:
    """The same for a disk without a GUID partition table."""
    superblock = probe(disk.read)
    if superblock is not None:
        return f"a file system ({superblock.name}{f' {superblock.label!r}' if superblock.label else ''})"
    for other in gpt.found(disk.read, disk.size):
        return f"a partition table for sectors of {other.sector} bytes, and it has sectors of {disk.sector}"
    head = disk.read(0, 512)
    if head[510:512] == b"\x55\xaa" and any(head[446:510]):
        return "a partition table (dos)"
    return _unrecognized(disk)


def _unrecognized(disk: OpenDisk) -> str:
    """Members of a RAID or a volume group, ZFS, Ceph, a plain dm-crypt: no partition table, and no file system that is
    known here. So a disk counts as empty only where nothing stands at its two ends. The place of the backup table is
    left out: an installation that is cut short while it writes there may begin again."""
    for at, magic, name in (
        *((sector * 512, b"LABELONE", "a physical volume of LVM") for sector in range(4)),
        *((at, _MD_MAGIC, "a member of a RAID array") for at in (0, 4096, (disk.size // 512 - 16) // 8 * 8 * 512)),
    ):
        if disk.read(at, len(magic)) == magic:
            return name
    backup = gpt.ENTRIES * gpt.ENTRY_BYTES + disk.sector
    ends = (disk.read(0, EDGE), disk.read(max(0, disk.size - EDGE), EDGE - backup))
    return "data that is no known file system" if any(any(end) for end in ends) else ""

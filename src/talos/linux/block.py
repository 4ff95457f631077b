"""Block devices as /sys/class/block has them: which there are, and what their hardware tells of itself.

Only reads sysfs. Their bytes are read through talos.linux.disk_io, what they mean is superblock's and gpt's to tell;
names in /dev/disk are block_names'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from talos.linux.mount import mounts

SYS = Path("/sys")
SECTOR = 512
"""sizes in sysfs count in it, whatever the device's own sector"""
_SKIPPED = re.compile(r"ram\d+|zram\d+|loop\d+")
_MADE = ("dm-", "md", "nbd")
"""devices that are made of other devices, or of the network: listed, but no disks of this machine"""
_NVME = re.compile(r"(?<=/nvme)/nvme\d+/.*")
"""a namespace hangs on its controller: its path has no /block/"""


class BlockDevice(Struct, frozen=True):
    """One disk or partition; sizes in bytes. What the hardware does not tell is empty."""

    name: str
    path: str = ""  # below /sys, "/devices/…"
    major: int = 0
    minor: int = 0
    parent: str = ""  # of a partition
    partition: int = 0
    partition_name: str = ""
    size: int = 0
    sector_size: int = SECTOR
    io_size: int = SECTOR
    readonly: bool = False
    removable: bool = False
    rotational: bool = False
    cdrom: bool = False
    model: str = ""
    vendor: str = ""
    serial: str = ""
    firmware: str = ""
    wwid: str = ""
    modalias: str = ""
    subsystem: str = ""
    transport: str = ""
    secondaries: tuple[str, ...] = ()

    @property
    def is_partition(self) -> bool:
        return self.partition > 0

    @property
    def bus_path(self) -> str:
        """Where the disk hangs: /pci0000:00/0000:00:04.0/virtio1."""
        return _NVME.sub("", self.path.removeprefix("/devices").partition("/block/")[0])

    @property
    def uuid(self) -> str:
        """Of an NVMe namespace that has one. The attribute `uuid` would give another identifier where there is none."""
        return self.wwid.removeprefix("uuid.") if self.wwid.startswith("uuid.") else ""

    @property
    def node(self) -> Path:
        """Its device node: /dev/sda1."""
        return Path("/dev", self.name)


def disks(sysfs: Path = SYS) -> list[BlockDevice]:
    """The machine's disks and drives, by name: no partitions, and nothing that is made of other devices."""
    return [one for one in devices(sysfs) if not one.is_partition and not one.name.startswith(_MADE)]


def devices(sysfs: Path = SYS) -> Iterator[BlockDevice]:
    """Every device with a size, loop and memory devices left out: they are no hardware, and come with their users."""
    folder = sysfs / "class/block"
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _SKIPPED.match(entry.name):
            continue
        try:
            found = device(sysfs, entry.name)
        except (OSError, ValueError):
            continue  # it went away while it was read
        if found.size or found.cdrom:
            yield found


def device(sysfs: Path, name: str) -> BlockDevice:
    """One device. OSError: it is not there."""
    folder = (sysfs / "class/block" / name).resolve(strict=True)
    events = dict(line.split("=", 1) for line in _read(folder / "uevent").splitlines() if "=" in line)
    number = _read(folder / "partition")
    disk = folder.parent if number else folder
    hardware = disk / "device"
    path = "/" + str(folder.relative_to(sysfs.resolve()))
    major, _, minor = _read(folder / "dev").partition(":")
    return BlockDevice(
        name=name,
        path=path,
        major=int(major),
        minor=int(minor),
        parent=disk.name if number else "",
        partition=int(number or 0),
        partition_name=events.get("PARTNAME", ""),
        size=int(_read(folder / "size") or 0) * SECTOR,
        sector_size=int(_read(disk / "queue/logical_block_size") or SECTOR),
        io_size=_io_size(disk),
        readonly=_read(folder / "ro") == "1",
        removable=_read(disk / "removable") == "1",
        rotational=_read(disk / "queue/rotational") == "1",
        cdrom=name.startswith("sr") or _read(hardware / "type") == "5",
        model=_read(hardware / "model"),
        vendor=_read(hardware / "vendor"),
        serial=_read(disk / "serial") or _read(hardware / "serial") or _page(hardware / "vpd_pg80"),
        firmware=_read(hardware / "firmware_rev") or _read(hardware / "rev"),
        wwid=_read(disk / "wwid") or _read(hardware / "wwid"),
        modalias=_read(hardware / "modalias"),
        subsystem=_link(disk / "subsystem"),
        transport=_transport(disk.name, path, hardware),
        secondaries=tuple(sorted(path.name for path in (folder / "slaves").glob("*"))),
    )


def _io_size(disk: Path) -> int:
    """Bytes that a device likes to be written at once: the size for throughput where it tells one and that is a power
    of two, otherwise the least that it does not have to read first (BLKIOOPT, BLKIOMIN)."""
    for name in ("optimal_io_size", "minimum_io_size"):
        size = int(_read(disk / "queue" / name) or 0)
        if size and size & (size - 1) == 0:
            return size
    return SECTOR


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _page(path: Path) -> str:
    """Serial number of a SCSI disk: page 0x80 of its vital product data, after four bytes of head."""
    try:
        return path.read_bytes()[4:].decode("ascii", "replace").strip(" \0")
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.resolve(strict=True))
    except OSError:
        return ""


def _transport(disk: str, path: str, hardware: Path) -> str:
    for word, transport in (("/usb", "usb"), ("/ata", "sata"), ("/virtio", "virtio"), ("/mmc_host", "mmc"),
                            ("/end_device-", "sas"), ("/session", "iscsi"), ("/rport-", "fc")):  # fmt: skip
        if word in path:
            return transport
    if disk.startswith("nvme"):
        return "nvme"
    return "scsi" if (hardware / "scsi_level").exists() else ""


def partition_path(disk: Path, number: int) -> Path:
    """/dev/sda1, /dev/nvme0n1p1, /dev/loop0p1."""
    separator = "p" if disk.name[-1:].isdigit() else ""
    return disk.with_name(f"{disk.name}{separator}{number}")


def mounted_below(disk: Path, sysfs: Path = SYS) -> list[str]:
    """Where a disk or one of its partitions is mounted."""
    folder = sysfs / "class/block" / disk.name
    numbers = {_read(entry / "dev") for entry in (folder, *folder.glob("*/")) if (entry / "dev").exists()}
    return [mount.target for mount in mounts() if mount.device in numbers]


def size_text(size: int) -> str:
    """As people read it: 8.0 GB, in powers of ten."""
    value, units = float(size), ("B", "kB", "MB", "GB", "TB", "PB", "EB")
    for unit in units:
        if value < 1000 or unit == units[-1]:
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
        value /= 1000
    raise AssertionError

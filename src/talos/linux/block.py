"""Block devices as /sys/class/block has them, and their names in /dev/disk (udev's persistent-storage rules).

Only reads sysfs; what is on a device is talos.linux.superblock's and gpt's to tell.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
"""sizes in sysfs count in it, whatever the device's own sector"""
_SKIPPED = re.compile(r"ram\d+|zram\d+|loop\d+")
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#+-.:=@_/")
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """One disk or partition; sizes in bytes. What the hardware does not tell is empty."""

    name: str
    path: str  # below /sys, "/devices/…"
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
        return self.path.removeprefix("/devices").partition("/block/")[0]


def devices(sysfs: Path) -> Iterator[BlockDevice]:
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
        io_size=int(_read(disk / "queue/minimum_io_size") or SECTOR),
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
        return str(path.resolve(strict=True)).removeprefix("/sys")
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


def escaped(text: str) -> str:
    """A text as part of a name in /dev/disk: what is neither safe nor UTF-8 letters becomes \\xNN."""
    return "".join(
        one if one in _SAFE - {"/"} or ord(one) > 127 else "".join(f"\\x{byte:02x}" for byte in one.encode())
        for one in text
    )


def _identifier(text: str) -> str:
    """A model or serial: blanks become one underscore (udev's replace_whitespace), then escaped."""
    return escaped(re.sub(r"\s+", "_", text.strip()))


def ids(disk: BlockDevice) -> list[str]:
    """Names in /dev/disk/by-id of a whole disk."""
    found = []
    model, serial = _identifier(disk.model), _identifier(disk.serial)
    if disk.name.startswith("nvme"):
        found += [f"nvme-{model}_{serial}"] if model and serial else []
        found += [f"nvme-{disk.wwid}"] if disk.wwid else []
    elif disk.transport == "virtio" and serial:
        found.append(f"virtio-{serial}")
    elif disk.transport == "mmc" and serial:
        found.append(f"mmc-{_identifier(disk.vendor) or model}_{serial}".replace("mmc-_", "mmc-"))
    elif disk.wwid.startswith("t10.ATA"):
        words = disk.wwid.removeprefix("t10.ATA").split()
        if len(words) > 1:
            found.append(f"ata-{_identifier(' '.join(words[:-1]))}_{_identifier(words[-1])}")
    elif disk.transport == "usb" and serial:
        found.append(f"usb-{_identifier(f'{disk.vendor} {disk.model}')}_{serial}-0:0")
    elif serial:
        found.append(f"scsi-S{_identifier(f'{disk.vendor} {disk.model}')}_{serial}".replace("S_", "S"))
    if disk.wwid.startswith(("naa.", "eui.")) and not disk.name.startswith("nvme"):
        found.append(f"wwn-0x{disk.wwid[4:]}")
    return found


def path_name(disk: BlockDevice) -> str:
    """Name in /dev/disk/by-path of a whole disk, "" for what hangs on no bus that has one."""
    parts = disk.path.partition("/block/")[0].split("/")
    functions = [part for part in parts if _PCI.fullmatch(part)]
    if not functions:
        return ""
    name = f"pci-{functions[-1]}"
    if namespace := re.fullmatch(r"nvme\d+n(\d+)", disk.name):
        return f"{name}-nvme-{namespace[1]}"
    for part in parts:
        if port := re.fullmatch(r"ata(\d+)", part):
            return f"{name}-ata-{port[1]}"
        if usb := re.fullmatch(r"\d+-([\d.]+):([\d.]+)", part):
            name += f"-usb-0:{usb[1]}:{usb[2]}"
    if address := next((p for p in reversed(parts) if re.fullmatch(r"\d+:\d+:\d+:\d+", p)), ""):
        return f"{name}-scsi-0:{address.partition(':')[2]}"
    return name


def size_text(size: int) -> str:
    """As people read it: 8.0 GB, in powers of ten."""
    value, units = float(size), ("B", "kB", "MB", "GB", "TB", "PB", "EB")
    for unit in units:
        if value < 1000 or unit == units[-1]:
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
        value /= 1000
    raise AssertionError


def reader(path: Path) -> tuple[int, int]:
    """(file descriptor, size) of a device opened to read; the caller closes it. OSError, also without a medium:
    O_NONBLOCK would open an empty drive, and every read of it is an error in the kernel's log."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return fd, os.lseek(fd, 0, os.SEEK_END)
    except OSError:
        os.close(fd)
        raise

"""Names of block devices in /dev/disk that stay the same (udev's persistent-storage rules, without udev)."""

from __future__ import annotations

import re

from talos.linux.block import BlockDevice

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#+-.:=@_/")
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


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

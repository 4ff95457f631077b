"""Physical volumes, volume groups and logical volumes of LVM2, as they stand on devices. Only reads."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from talos.linux import lvm_disk, lvm_text
from talos.linux.disk_io import OpenDisk
from talos.linux.lvm_disk import FormatError, PhysicalVolume
from talos.linux.lvm_text import MetadataError, Section

log = logging.getLogger("lvm")


class UnknownVolumeError(LookupError):
    """There is no such volume or group."""


class VolumeRefusedError(Exception):
    """It must not or cannot be removed; nothing was changed."""


class Device(Struct, frozen=True):
    """A device with a physical volume."""

    name: str
    path: Path
    volume: PhysicalVolume
    texts: tuple[str, ...]
    """of its metadata areas, those that count"""


class Group(Struct, frozen=True):
    """A volume group: its youngest text, and the devices that belong to it."""

    name: str
    text: str
    root: Section
    devices: tuple[Device, ...]

    @property
    def id(self) -> str:
        return self.root.text("id").replace("-", "")

    @property
    def volumes(self) -> dict[str, Section]:
        """Logical volumes by name, hidden parts of others included."""
        return self.root.section("logical_volumes").sections


def scan(devices: Iterable[tuple[str, Path]]) -> Iterator[Device]:
    """Physical volumes among devices, given as name and path. One that is damaged is left out with a message."""
    for name, path in devices:
        try:
            with OpenDisk(path) as disk:
                volume = lvm_disk.read(disk.read)
                if volume is not None:
                    texts = [lvm_disk.text(disk.read, area) for area in volume.areas if not area.ignored]
                    yield Device(name, path, volume, tuple(text for text in texts if text))
        except FormatError as error:
            log.warning("%s: %s", name, error)
        except OSError as error:
            log.debug("%s cannot be read: %s", name, error)


def group(name: str, devices: Iterable[Device]) -> Group:
    """UnknownVolumeError, VolumeRefusedError if its metadata cannot be relied on."""
    devices = tuple(devices)
    found: list[tuple[int, str, Section]] = []
    for device in devices:
        for text in device.texts:
            root = parsed(device, text).sections.get(name)
            if root is not None:
                if not root.text("seqno").isdecimal():
                    raise VolumeRefusedError(f"the metadata on {device.name} has no sequence number")
                found.append((int(root.text("seqno")), text, root))
    if not found:
        raise UnknownVolumeError(f'volume group "{name}" not found{there_are(groups(devices))}')
    if len({root.text("id") for _, _, root in found}) > 1:
        raise VolumeRefusedError(f'there are several volume groups "{name}": take the disks of the others out first')
    _, text, root = max(found, key=lambda one: one[0])
    by_uuid = {device.volume.uuid: device for device in devices}
    members = root.section("physical_volumes").sections
    uuids = {member: section.text("id").replace("-", "") for member, section in members.items()}
    if missing := [members[member].text("device") for member, uuid in uuids.items() if uuid not in by_uuid]:
        raise VolumeRefusedError(f'volume group "{name}" is not complete: {", ".join(missing)} is missing')
    return Group(name, text, root, tuple(by_uuid[uuid] for uuid in uuids.values()))


def parsed(device: Device, text: str) -> Section:
    """VolumeRefusedError."""
    try:
        return lvm_text.parse(text)
    except MetadataError as error:
        raise VolumeRefusedError(f"the metadata on {device.name} is not understood: {error}") from error


def groups(devices: Iterable[Device]) -> list[str]:
    """Names of the volume groups, sorted. VolumeRefusedError."""
    return sorted({name for d in devices for text in d.texts for name in parsed(d, text).sections})


def there_are(names: Iterable[str]) -> str:
    """What there is instead of what was not found, to be put behind an error."""
    known = ", ".join(names)
    return f": there is {known}" if known else ""

"""Removing what LVM2 has on a node's disks, without LVM's programs: `talosctl wipe lv`, `vg` and `pv`.

The node activates no logical volume, so removing one is a change of metadata alone: a new text without it, written
beside the old one on every physical volume, then made to count by one sector on each. A crash in between leaves volumes
of two ages; the younger text counts, for LVM as for us, and the removal can be repeated. What is active all the same,
and what shares its data with another volume, is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from talos.linux import block, lvm_disk, lvm_text
from talos.linux.disk_io import OpenDisk
from talos.linux.lvm import Device, Group, UnknownVolumeError, VolumeRefusedError, parsed, there_are
from talos.linux.lvm_disk import FormatError
from talos.linux.lvm_text import Section

log = logging.getLogger("machined.disk")

_PLAIN = frozenset({"striped", "linear", "raid0", "raid1", "raid10", "error", "zero"})
"""segments whose volume shares nothing with another one but its own hidden parts"""


def remove_logical_volume(found: Group, name: str) -> None:
    """Blocking. UnknownVolumeError, VolumeRefusedError, OSError."""
    visible = [other for other, section in found.volumes.items() if "VISIBLE" in section.words("status")]
    if name not in visible:
        raise UnknownVolumeError(f'logical volume "{found.name}/{name}" not found{there_are(visible)}')
    gone = _with_parts(found, name)
    for other, section in found.volumes.items():
        if other not in gone and gone & _used(found, section):
            raise VolumeRefusedError(f'logical volume "{found.name}/{name}" is used by "{other}": remove that first')
    for part in gone:
        _refuse_active(found, found.volumes[part].text("id"), f'logical volume "{found.name}/{name}"')
    cut = [found.volumes[part] for part in gone]
    if gone == set(found.volumes):
        cut = [found.root.section("logical_volumes")]
    seqno = int(found.root.text("seqno")) + 1
    new = lvm_text.without(found.text, cut, {found.root.spans["seqno"]: str(seqno)})
    assert lvm_text.parse(new).section(found.name).text("seqno") == str(seqno), "the text is still one"
    log.info("removing logical volume %s/%s", found.name, name)
    _write_text(found, new)


def remove_volume_group(found: Group) -> None:
    """Blocking. Its physical volumes stay, and belong to no group. VolumeRefusedError, OSError."""
    if found.volumes:
        names = ", ".join(sorted(found.volumes))
        raise VolumeRefusedError(f'volume group "{found.name}" has logical volumes ({names}): remove them first')
    _refuse_active(found, "", f'volume group "{found.name}"')
    log.info("removing volume group %s", found.name)
    for device in found.devices:
        with OpenDisk(device.path, writable=True) as disk:
            for offset, data in (*map(lvm_disk.no_text, device.volume.areas), lvm_disk.unused(device.volume)):
                disk.write(offset, data)
            disk.flush()


def remove_physical_volume(name: str, devices: Iterable[Device]) -> None:
    """Blocking. UnknownVolumeError, VolumeRefusedError if it belongs to a group, OSError."""
    devices = tuple(devices)
    device = next((device for device in devices if device.name == name.removeprefix("/dev/")), None)
    if device is None:
        raise UnknownVolumeError(f'physical volume "{name}" not found{there_are([d.name for d in devices])}')
    for other in devices:
        for text in other.texts:
            for group_name, root in parsed(other, text).sections.items():
                members = root.section("physical_volumes").sections.values()
                if device.volume.uuid in [member.text("id").replace("-", "") for member in members]:
                    raise VolumeRefusedError(
                        f'physical volume "{name}" belongs to volume group "{group_name}": remove that first'
                    )
    log.info("removing physical volume %s", name)
    with OpenDisk(device.path, writable=True) as disk:
        disk.wipe(device.volume.label_offset, lvm_disk.SECTOR)
        for area in device.volume.areas:
            disk.wipe(area.start, lvm_disk.SECTOR)
        disk.flush()


def _used(found: Group, section: Section) -> set[str]:
    """Names of logical volumes that one is made of: the words of its segments that are such a name, and not that of a
    physical volume, which LVM looks for first."""
    words = {word for segment in section.sections.values() for key in segment.values for word in segment.words(key)}
    return words & found.volumes.keys() - found.root.section("physical_volumes").sections.keys()


def _with_parts(found: Group, name: str) -> set[str]:
    """The volume and its hidden parts. VolumeRefusedError where more is to do than to forget them."""
    gone, left = set(), [name]
    while left:
        part = left.pop()
        section = found.volumes[part]
        kinds = {segment.text("type") for segment in section.sections.values()}
        if strange := sorted(kinds - _PLAIN):
            raise VolumeRefusedError(
                f'logical volume "{found.name}/{name}" is of type {", ".join(strange)}: the node removes '
                f"{', '.join(sorted(_PLAIN))}; wipe the disks of the group instead"
            )
        gone.add(part)
        used = _used(found, section) - gone
        left += [word for word in used if "VISIBLE" not in found.volumes[word].words("status")]
    return gone


def _refuse_active(found: Group, volume: str, what: str) -> None:
    """The device mapper knows LVM's volumes as LVM-GROUPVOLUME."""
    prefix = f"LVM-{found.id}{volume.replace('-', '')}"
    for path in (block.SYS / "class/block").glob("dm-*/dm/uuid"):
        if path.read_text().startswith(prefix):
            raise VolumeRefusedError(f"{what} is active as {(path.parent / 'name').read_text().strip()}")


def _write_text(found: Group, text: str) -> None:
    """All texts before the first header: what is refused for want of room has changed nothing that counts."""
    plans = []
    for device in found.devices:
        try:
            areas = [area for area in device.volume.areas if area.text_size and not area.ignored]
            plans.append((device, [lvm_disk.replace_text(area, text) for area in areas]))
        except FormatError as error:
            raise VolumeRefusedError(f"{device.name}: {error}") from error
    for before in (True, False):
        for device, changes in plans:
            with OpenDisk(device.path, writable=True) as disk:
                for writes, header in changes:
                    for offset, data in writes if before else [header]:
                        disk.write(offset, data)
                disk.flush()

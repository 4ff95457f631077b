"""Physical volumes, volume groups and logical volumes of LVM on a machine's disks, in the words of LVM's own reports.

The node activates none of them: `active` is what the device mapper says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from msgspec import Struct, field

from talos.controllers.publish import publish
from talos.linux import block, lvm
from talos.linux.lvm_text import Section
from talos.resources.block import DeviceSpec, DiscoveryRefreshRequestSpec
from talos.resources.storage import (
    LVMLogicalVolumeStatusSpec,
    LVMPhysicalVolumeStatusSpec,
    LVMVolumeGroupStatusSpec,
)
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

_AREAS = frozenset({"striped", "linear"})
"""segments that take extents of physical volumes; others are made of logical volumes that do"""


class Found(Struct):
    """Resources by id."""

    physical: dict[str, LVMPhysicalVolumeStatusSpec] = field(default_factory=dict)
    groups: dict[str, LVMVolumeGroupStatusSpec] = field(default_factory=dict)
    logical: dict[str, LVMLogicalVolumeStatusSpec] = field(default_factory=dict)


def report(devices: Iterable[lvm.Device], active: frozenset[str] = frozenset()) -> Found:
    """What there is. `active`: names of the device mapper. Groups that cannot be relied on are left out."""
    devices = tuple(devices)
    found = Found()
    for device in devices:
        found.physical[device.name] = LVMPhysicalVolumeStatusSpec(
            device=f"/dev/{device.name}", uuid=dashed(device.volume.uuid), format="lvm2"
        )
    try:
        names = lvm.groups(devices)
    except lvm.VolumeRefusedError:
        return found
    for name in names:
        try:
            group = lvm.group(name, devices)
            _group(found, group, active)
        except (lvm.VolumeRefusedError, ValueError):
            found.groups[name] = LVMVolumeGroupStatusSpec(name=name, format="lvm2", partial="partial")
    return found


def _group(found: Found, group: lvm.Group, active: frozenset[str]) -> None:
    root = group.root
    extent = int(root.text("extent_size")) * block.SECTOR
    members = root.section("physical_volumes").sections
    taken = _taken(group.volumes.values())
    extents = {name: int(member.text("pe_count")) for name, member in members.items()}
    total, free = sum(extents.values()), sum(extents.values()) - sum(taken.values())
    visible = {name: section for name, section in group.volumes.items() if "VISIBLE" in section.words("status")}
    found.groups[group.name] = LVMVolumeGroupStatusSpec(
        name=group.name,
        uuid=root.text("id"),
        format="lvm2",
        permissions="writeable" if "WRITE" in root.words("status") else "read-only",
        extendable="extendable" if "RESIZEABLE" in root.words("status") else "",
        exported="exported" if "EXPORTED" in root.words("status") else "",
        size=str(total * extent),
        free=str(free * extent),
        extent_size=str(extent),
        extent_count=str(total),
        free_extent_count=str(free),
        max_lv=root.text("max_lv"),
        max_pv=root.text("max_pv"),
        lv_count=str(len(visible)),
        pv_count=str(len(members)),
        missing_pv_count="0",
        seq_no=root.text("seqno"),
        tags=root.words("tags"),
        pretty_size=block.size_text(total * extent),
        pretty_free=block.size_text(free * extent),
    )
    by_uuid = {device.volume.uuid: device.name for device in group.devices}
    for name, member in members.items():
        spec = found.physical[by_uuid[member.text("id").replace("-", "")]]
        count, used = extents[name], taken.get(name, 0)
        spec.vg_name, spec.in_use = group.name, "used"
        spec.allocatable = "allocatable" if "ALLOCATABLE" in member.words("status") else ""
        spec.size, spec.used, spec.free = (str(n * extent) for n in (count, used, count - used))
        spec.device_size = str(int(member.text("dev_size") or 0) * block.SECTOR)
        spec.pe_count, spec.pe_alloc_count = str(count), str(used)
        spec.tags = member.words("tags")
        spec.pretty_size, spec.pretty_free = block.size_text(count * extent), block.size_text((count - used) * extent)
        spec.pretty_device_size = block.size_text(int(spec.device_size))
    for name, section in visible.items():
        found.logical[f"{group.name}-{name}"] = _logical(group.name, name, section, extent, active)


def _logical(
    group: str, name: str, section: Section, extent: int, active: frozenset[str]
) -> LVMLogicalVolumeStatusSpec:
    segments = list(section.sections.values())
    size = sum(int(segment.text("extent_count")) for segment in segments) * extent
    kinds = sorted({_layout(segment) for segment in segments})
    mapped = "-".join(part.replace("-", "--") for part in (group, name))
    return LVMLogicalVolumeStatusSpec(
        path=f"/dev/{group}/{name}",
        dm_path=f"/dev/mapper/{mapped}",
        name=name,
        full_name=f"{group}/{name}",
        vg_name=group,
        uuid=section.text("id"),
        layout=",".join(kinds),
        role="public",
        permissions="writeable" if "WRITE" in section.words("status") else "read-only",
        active="active" if mapped in active else "",
        size=str(size),
        tags=section.words("tags"),
        pretty_size=block.size_text(size),
    )


def _layout(segment: Section) -> str:
    kind = segment.text("type")
    return "linear" if kind == "striped" and segment.text("stripe_count") == "1" else kind


def _taken(volumes: Iterable[Section]) -> Mapping[str, int]:
    """Extents that logical volumes take of each physical volume, by its name in the metadata."""
    taken: dict[str, int] = {}
    for segment in (segment for volume in volumes for segment in volume.sections.values()):
        if segment.text("type") in _AREAS:
            stripes = segment.words("stripes")[::2]  # name, first extent, name, first extent, …
            for name in stripes:
                taken[name] = taken.get(name, 0) + int(segment.text("extent_count")) // len(stripes)
    return taken


def dashed(uuid: str) -> str:
    """As LVM writes it: 6-4-4-4-4-4-6."""
    ends = (0, 6, 10, 14, 18, 22, 26, 32)
    return "-".join(uuid[begin:end] for begin, end in pairwise(ends))


def _look(devices: Iterable[tuple[str, Path]], sysfs: Path) -> Found:
    """Blocking."""
    mapped = [path.read_text().strip() for path in (sysfs / "class/block").glob("dm-*/dm/name")]
    return report(lvm.scan(devices), frozenset(mapped))


class LVMScanController(Controller):
    name = "storage.LVMScanController"
    inputs = (Input(DeviceSpec), Input(DiscoveryRefreshRequestSpec))
    outputs = (
        Output(LVMPhysicalVolumeStatusSpec, EXCLUSIVE),
        Output(LVMVolumeGroupStatusSpec, EXCLUSIVE),
        Output(LVMLogicalVolumeStatusSpec, EXCLUSIVE),
    )

    async def reconcile(self, rt: Runtime) -> None:
        devices = [
            (resource.id, rt.env.path(f"/dev/{resource.id}"))
            for resource in await rt.list(DeviceSpec)
            if resource.spec.type in ("disk", "partition")
        ]
        found = await asyncio.to_thread(_look, devices, rt.env.path("/sys")) if devices else Found()
        await publish(rt, LVMPhysicalVolumeStatusSpec, found.physical)
        await publish(rt, LVMVolumeGroupStatusSpec, found.groups)
        await publish(rt, LVMLogicalVolumeStatusSpec, found.logical)

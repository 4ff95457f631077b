"""/dev/disk/by-{id,path,label,uuid,partlabel,partuuid}: names of devices that stay the same (udev's, without udev).

Of two devices that claim a name the one that had it keeps it: a second disk with a copied label must not take it over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from talos.controllers.publish import publish
from talos.linux import block, block_names
from talos.resources.block import DeviceSpec, DiscoveredVolumeSpec, SymlinkSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime


def names(device: block.BlockDevice, disk: block.BlockDevice, volume: DiscoveredVolumeSpec | None) -> list[str]:
    """Names of a device below /dev/disk; disk is the device itself or the one it is a partition of."""
    part = f"-part{device.partition}" if device.is_partition else ""
    found = [f"by-id/{name}{part}" for name in block_names.ids(disk)]
    if path := block_names.path_name(disk):
        found.append(f"by-path/{path}{part}")
    if volume is not None:
        partition = device.is_partition
        for folder, value, wanted in (
            ("by-uuid", volume.uuid, volume.name != "gpt"),
            ("by-label", volume.label, True),
            ("by-partuuid", volume.partition_uuid, partition),
            ("by-partlabel", volume.partition_label, partition),
        ):
            if wanted and (name := block_names.escaped(value)) and name.strip("."):
                found.append(f"{folder}/{name}")
    return found


def claim(wanted: Mapping[str, Iterable[str]], before: Mapping[str, str]) -> dict[str, str]:
    """Name → device: the one that had it, else the first by name."""
    claims: dict[str, list[str]] = {}
    for device in sorted(wanted):
        for name in wanted[device]:
            claims.setdefault(name, []).append(device)
    return {name: before[name] if before.get(name) in devices else devices[0] for name, devices in claims.items()}


def apply(folder: Path, links: Mapping[str, str], before: Iterable[str]) -> None:
    """Make the links below folder, each in one step, and remove those of `before` that are no more."""
    for name, device in links.items():
        path = folder / name
        target = f"../../{device}"
        if path.is_symlink() and str(path.readlink()) == target:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(target)
        temporary.rename(path)
    for name in set(before) - set(links):
        with contextlib.suppress(FileNotFoundError):
            (folder / name).unlink()


class SymlinksController(Controller):
    name = "block.SymlinksController"
    inputs = (Input(DeviceSpec), Input(DiscoveredVolumeSpec))
    outputs = (Output(SymlinkSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._links: dict[str, str] = {}

    async def reconcile(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return
        volumes = {resource.id: resource.spec for resource in await rt.list(DiscoveredVolumeSpec)}
        wanted: dict[str, list[str]] = {}
        for resource in await rt.list(DeviceSpec):
            sysfs = rt.env.path("/sys")
            with contextlib.suppress(OSError, ValueError):
                device = block.device(sysfs, resource.id)
                disk = block.device(sysfs, device.parent) if device.parent else device
                wanted[resource.id] = names(device, disk, volumes.get(resource.id))
        links = claim(wanted, self._links)
        await asyncio.to_thread(apply, rt.env.path("/dev/disk"), links, list(self._links))
        self._links = links
        paths: dict[str, SymlinkSpec] = {}
        for name, device_name in sorted(links.items()):
            paths.setdefault(device_name, SymlinkSpec()).paths.append(f"/dev/disk/{name}")
        await publish(rt, SymlinkSpec, paths)

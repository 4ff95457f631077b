"""Makes volumes that are folders and links, parents first, and says which are ready and where they lie; where they are
mounted is said by mount.py.

A folder that exists keeps its content; only owner and mode are set. A partition is ready when it is found and, if it is
to be mounted, mounted: the start of a machine does that before anything else runs, opens those that are encrypted, and
leaves a record of what it met. A container has none: its volume waits, as on Talos. Partitions and disks of the user's
are machined's (talos.machined.controllers.user_volumes).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from talos.controllers.block.started import RECORD, VolumeState
from talos.controllers.block.started import volumes as started_volumes
from talos.controllers.block.volume_config import SYSTEM_VOLUME
from talos.controllers.publish import always
from talos.linux.mount import mounted_at
from talos.resources.block import (
    DiscoveredVolumeSpec,
    VolumeConfigSpec,
    VolumeStatusSpec,
)
from talos.resources.block.mount import MountSpec
from talos.resources.block.volume_status import TPMEncryptionOptionsInfo
from talos.resources.enums import EncryptionProviderType, FilesystemType, VolumePhase, VolumeType
from talos.state.controller import SHARED, STRONG, Controller, Input, Output
from talos.state.resource import Phase, Resource
from talos.state.runtime import Runtime

_FOLDERS = (VolumeType.DIRECTORY, VolumeType.SYMLINK)


def target_of(id: str, mounts: Mapping[str, MountSpec | None]) -> str:
    """Absolute path of a volume: its own or below its parents'. LookupError: a parent is missing."""
    mount = mounts[id]
    if mount is None:
        return ""
    if mount.target_path.startswith("/"):
        return mount.target_path
    if mount.parent_id not in mounts:
        raise LookupError(f"volume {id} lies in volume {mount.parent_id}, which does not exist")
    return f"{target_of(mount.parent_id, mounts)}/{mount.target_path}"


def parents_first(volumes: dict[str, VolumeConfigSpec]) -> list[str]:
    """Ids so that each volume stands after the one it lies in."""
    return sorted(volumes, key=lambda id: (_depth(id, volumes), id))


def _depth(id: str, volumes: dict[str, VolumeConfigSpec]) -> int:
    mount = volumes[id].mount
    parent = mount.parent_id if mount is not None else ""
    return 0 if not parent or parent not in volumes else 1 + _depth(parent, volumes)


def make(path: Path, spec: VolumeConfigSpec) -> None:
    """The folder or link itself."""
    if spec.type is VolumeType.SYMLINK and spec.symlink is not None:
        target = spec.symlink.symlink_target_path
        if path.is_symlink() and str(path.readlink()) == target:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or (spec.symlink.force and path.is_file()):
            path.unlink()
        elif path.is_dir() and spec.symlink.force:
            path.rmdir()
        path.symlink_to(target)
        return
    mount = spec.mount
    assert mount is not None
    path.mkdir(parents=True, exist_ok=True)
    mode = mount.file_mode or 0o755
    status = path.stat()
    if (status.st_uid, status.st_gid) != (mount.uid, mount.gid):
        os.chown(path, mount.uid, mount.gid)
    if status.st_mode & 0o7777 != mode:
        path.chmod(mode)


def locate(status: VolumeStatusSpec, volume: DiscoveredVolumeSpec) -> None:
    """Fill in where a partition is and what it holds."""
    status.location = status.mount_location = volume.dev_path
    status.parent_location = volume.parent_dev_path
    status.partition_index = volume.partition_index
    status.uuid, status.partition_uuid = volume.uuid, volume.partition_uuid
    status.size, status.pretty_size = volume.size, volume.pretty_size
    with contextlib.suppress(LookupError, ValueError):
        status.filesystem = FilesystemType.parse(volume.name)


def started_as(status: VolumeStatusSpec, state: VolumeState, clear: DiscoveredVolumeSpec | None) -> None:
    """Fill in what the start made of a partition; `clear`: what its clear mapping holds."""
    if state.problem:
        status.phase, status.error_message = VolumePhase.FAILED, state.problem
    if not state.encrypted:
        return
    status.encryption_provider = EncryptionProviderType.LUKS2
    status.encryption_slot = state.slot
    status.configured_encryption_keys = list(state.keys)
    status.encryption_failed_syncs = list(state.failed_syncs)
    status.encryption_locked_to_state = state.locked_to_state
    status.encryption_allow_discards = state.allow_discards
    if state.registers:
        status.tpm_encryption_options = TPMEncryptionOptionsInfo(
            pcrs=list(state.registers), pub_key_pcrs=list(state.signed_registers)
        )
    status.mount_location = state.device
    if clear is not None:
        with contextlib.suppress(LookupError, ValueError):
            status.filesystem = FilesystemType.parse(clear.name)


def _kernel_name(sysfs: Path, device: str) -> str:
    """/dev/dm-0 of a node below /dev/mapper, "" for none: without udev it is a node of its own, no link."""
    try:
        number = Path(device).stat().st_rdev
        return f"/dev/{(sysfs / f'dev/block/{os.major(number)}:{os.minor(number)}').resolve(strict=True).name}"
    except OSError:
        return ""


class VolumeManagerController(Controller):
    """VolumeConfigs → folders → VolumeStatuses."""

    name = "block.VolumeManagerController"
    inputs = (Input(VolumeConfigSpec, STRONG), Input(DiscoveredVolumeSpec))
    outputs = (Output(VolumeStatusSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        every = await rt.list(VolumeConfigSpec)
        configs = [resource for resource in every if resource.md.phase is Phase.RUNNING]
        volumes = {
            resource.id: resource.spec
            for resource in configs
            if resource.spec.type in _FOLDERS or SYSTEM_VOLUME in resource.md.labels
        }
        labels = {resource.id: resource.md.labels for resource in configs}
        volumes_found = [] if rt.env.in_container else [r.spec for r in await rt.list(DiscoveredVolumeSpec)]
        found = {volume.partition_label: volume for volume in reversed(volumes_found) if volume.partition_label}
        in_clear = {volume.dev_path: volume for volume in volumes_found}
        started = {} if rt.env.in_container else started_volumes(rt.env.path(RECORD))
        # Another disk may have a partition of the same name: the start knows which one it mounted.
        found |= {id: in_clear[state.partition] for id, state in started.items() if state.partition in in_clear}
        places = {id: spec.mount for id, spec in volumes.items()}
        for id in parents_first(volumes):
            spec = volumes[id]
            status = VolumeStatusSpec(
                type=spec.type, parent_id=spec.parent_id, mount_spec=spec.mount, symlink=spec.symlink
            )
            if spec.type in _FOLDERS:
                target = target_of(id, places)
                try:
                    make(rt.env.path(target), spec)
                    status.phase = VolumePhase.READY
                except OSError as error:
                    status.phase = VolumePhase.FAILED
                    status.error_message = f"{target}: {error.strerror}"
                    rt.log.error("volume %s cannot be made: %s", id, status.error_message)
                    rt.requeue_after(5.0)
            elif spec.type is VolumeType.PARTITION and (volume := found.get(id)) is not None:
                target = spec.mount.target_path if spec.mount is not None else ""
                locate(status, volume)
                state = started.get(id, VolumeState())
                started_as(status, state, in_clear.get(_kernel_name(rt.env.path("/sys"), state.device)))
                if not state.problem and (not target or mounted_at(rt.env.path(target)) is not None):
                    status.phase = VolumePhase.READY
                    if target:
                        make(rt.env.path(target), spec)
            await rt.modify(VolumeStatusSpec, id, always(status), labels=labels[id])
        await rt.keep_only(VolumeStatusSpec, volumes)
        await self._hold(rt, every, set(volumes))

    async def _hold(self, rt: Runtime, configs: list[Resource[VolumeConfigSpec]], kept: set[str]) -> None:
        """A configuration stays until its volume's status is gone, and that until nothing says it is mounted."""
        for resource in configs:
            if resource.id in kept:
                await rt.add_finalizer(resource)
            elif self.name in resource.md.finalizers:
                status = await rt.get_or_none(VolumeStatusSpec, resource.id)
                if status is None or status.md.owner != self.name:
                    await rt.remove_finalizer(resource)

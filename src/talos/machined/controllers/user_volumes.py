"""Volumes of the user's that need a disk → partitions, file systems and mounts → VolumeStatuses and MountStatuses.

What needs a disk is imported where a machine has such a volume: most have none.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from talos.config.view.volumes import IMAGE_CACHE, IMAGE_CACHE_MEDIUM, MEDIUM_LABEL
from talos.controllers import machine_config
from talos.controllers.block import started
from talos.controllers.block.started import VolumeState
from talos.controllers.block.user_volume_config import PARENT, labels, spec
from talos.controllers.publish import always
from talos.linux.block import size_text
from talos.machined.disk.layout import USER_VOLUMES
from talos.resources.block import (
    DiscoveredVolumeSpec,
    MountRequestSpec,
    MountStatusSpec,
    VolumeStatusSpec,
)
from talos.resources.enums import EncryptionProviderType, FilesystemType, VolumePhase
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

if TYPE_CHECKING:
    from talos.config import Config
    from talos.config.view.model import UserVolume
    from talos.machined.disk.user_volumes import Outcome, UserVolumes

STATE = "/system/state"
NOT_INSTALLED = "this machine runs from its medium, and could not remember which volume is which"
_AGAIN_S = 10.0


def status(volume: UserVolume | None, outcome: Outcome) -> VolumeStatusSpec:
    """One volume's resource; volume: None for one that is to go."""
    found = VolumeStatusSpec(phase=VolumePhase.FAILED if outcome.state.problem else VolumePhase.READY)
    found.error_message = outcome.state.problem
    if volume is not None:
        wanted = spec(volume)
        found.type, found.mount_spec, found.parent_id = wanted.type, wanted.mount, wanted.parent_id
    if (lying := outcome.lying) is not None:
        found.location, found.mount_location = str(lying.device), outcome.state.device
        if lying.number:
            found.parent_location, found.partition_index = str(lying.disk), lying.number
            found.partition_uuid = lying.identity
        found.uuid, found.size, found.pretty_size = outcome.uuid, outcome.size, size_text(outcome.size)
    with contextlib.suppress(LookupError, ValueError):
        is_swap = outcome.kind == "swap"
        found.filesystem = FilesystemType.SWAP if is_swap else FilesystemType.parse(outcome.kind)
    if outcome.state.encrypted:
        found.encryption_provider = EncryptionProviderType.LUKS2
        found.encryption_slot = outcome.state.slot
        found.configured_encryption_keys = list(outcome.state.keys)
        found.encryption_failed_syncs = list(outcome.state.failed_syncs)
        found.encryption_locked_to_state = outcome.state.locked_to_state
        found.encryption_allow_discards = outcome.state.allow_discards
    return found


def mount_status(id: str, volume: UserVolume, outcome: Outcome) -> MountStatusSpec:
    """Where it is mounted."""
    found = status(volume, outcome)
    return MountStatusSpec(
        spec=MountRequestSpec(
            volume_id=id, parent_id=found.parent_id, secure=volume.secure, read_only=volume.read_only
        ),
        target=outcome.target,
        source=outcome.state.device,
        filesystem=found.filesystem,
        encryption_provider=found.encryption_provider,
        read_only=volume.read_only,
        project_quota_support=outcome.project_quota,
    )


class UserVolumesController(Controller):
    name = "block.UserVolumesController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(DiscoveredVolumeSpec), Input(VolumeStatusSpec, id=PARENT))
    outputs = (Output(VolumeStatusSpec, SHARED), Output(MountStatusSpec, SHARED))

    def __init__(self) -> None:
        self._volumes: UserVolumes | None = None
        self._said: dict[str, str] = {}

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        parent = await rt.get_or_none(VolumeStatusSpec, PARENT)
        system = started.load(rt.env.path(started.RECORD)).get("disk", "")
        if rt.env.in_container or config is None or parent is None:
            return
        if parent.spec.phase is not VolumePhase.READY:
            return
        cache = await self._cache(rt, config) if config.machine.image_cache else []
        wanted = {one.id: one for one in (*config.machine.volumes, *cache) if one.kind != "directory"}
        state = rt.env.path(STATE)
        if not wanted and self._volumes is None and not (state / USER_VOLUMES).exists():
            return
        found = await asyncio.to_thread(self._reconciled, state, Path(system), rt.env.root, list(wanted.values()))
        for id, outcome in found.items():
            volume = wanted.get(id)
            named = labels(volume) if volume is not None else None
            await rt.modify(VolumeStatusSpec, id, always(status(volume, outcome)), labels=named)
            if volume is not None and outcome.target:
                await rt.modify(MountStatusSpec, id, always(mount_status(id, volume, outcome)))
            if outcome.state.problem:
                if self._said.get(id) != outcome.state.problem:
                    rt.log.error("volume %s", outcome.state.problem)
                rt.requeue_after(_AGAIN_S)
        self._said = {id: outcome.state.problem for id, outcome in found.items()}
        await rt.keep_only(MountStatusSpec, [id for id, outcome in found.items() if outcome.target])
        await rt.keep_only(VolumeStatusSpec, found)

    @staticmethod
    async def _cache(rt: Runtime, config: Config) -> list[UserVolume]:
        """Those with a cache of images that are to be there, or are."""
        found = [one.spec for one in await rt.list(DiscoveredVolumeSpec)]
        there = {one.partition_label for one in found}
        if config.machine.has_image_cache_volume:
            there.add(IMAGE_CACHE)
        if any(one.name == "iso9660" and one.label.startswith(MEDIUM_LABEL) for one in found):
            there.add(IMAGE_CACHE_MEDIUM)
        return [volume for volume in config.machine.image_cache_volumes if volume.id in there]

    def _reconciled(self, state: Path, system: Path, root: Path, wanted: list[UserVolume]) -> dict[str, Outcome]:
        """Blocking."""
        from talos.machined.disk.user_volumes import Outcome, UserVolumes

        if not system.name:
            return {one.id: Outcome(VolumeState(problem=f"{one.id}: {NOT_INSTALLED}")) for one in wanted}
        if self._volumes is None:
            self._volumes = UserVolumes(state, system, root)
        return self._volumes.reconciled(wanted)

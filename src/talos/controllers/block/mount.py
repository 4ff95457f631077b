"""Where the node's own volumes are mounted, from what became of each. A volume is held for as long as this says so.

The mounting itself is done before: folders by VolumeManager, partitions at the start of a machine. Volumes of the
user's that need a disk are mounted, and reported, by machined (talos.machined.controllers.user_volumes).
"""

from __future__ import annotations

from collections.abc import Mapping

from talos.controllers.block.volume_manager import VolumeManagerController, target_of
from talos.controllers.publish import always
from talos.resources.block import MountRequestSpec, MountStatusSpec, VolumeStatusSpec
from talos.resources.enums import VolumePhase
from talos.state.controller import SHARED, STRONG, Controller, Input, Output
from talos.state.resource import Phase
from talos.state.runtime import Runtime


def mount_status(id: str, volumes: Mapping[str, VolumeStatusSpec]) -> MountStatusSpec | None:
    """One volume's, None for one that is not mounted."""
    volume = volumes[id]
    if volume.phase is not VolumePhase.READY:
        return None
    try:
        target = target_of(id, {name: one.mount_spec for name, one in volumes.items()})
    except LookupError:
        return None  # its parent goes, or is not there yet
    if not target:
        return None
    return MountStatusSpec(
        spec=MountRequestSpec(volume_id=id, parent_id=volume.parent_id),
        target=target,
        source=volume.mount_location,
        filesystem=volume.filesystem,
        encryption_provider=volume.encryption_provider,
    )


class MountController(Controller):
    """VolumeStatuses → MountStatuses."""

    name = "block.MountController"
    inputs = (Input(VolumeStatusSpec, STRONG),)
    outputs = (Output(MountStatusSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        found = [r for r in await rt.list(VolumeStatusSpec) if r.md.owner == VolumeManagerController.name]
        volumes = {r.id: r.spec for r in found if r.md.phase is Phase.RUNNING}
        mounts = {id: status for id in volumes if (status := mount_status(id, volumes)) is not None}
        for resource in found:
            if resource.id in mounts:
                await rt.add_finalizer(resource)
        for id, status in mounts.items():
            await rt.modify(MountStatusSpec, id, always(status))
        await rt.keep_only(MountStatusSpec, mounts)
        for resource in found:
            if resource.id in mounts or self.name not in resource.md.finalizers:
                continue
            if await rt.get_or_none(MountStatusSpec, resource.id) is None:  # else somebody holds it still
                await rt.remove_finalizer(resource)

"""The disk that this machine is installed on: the one with its META partition."""

from __future__ import annotations

from talos.controllers.publish import publish
from talos.resources.block import DiscoveredVolumeSpec, SystemDiskSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

ID = "system-disk"
META = "META"


class SystemDiskController(Controller):
    name = "block.SystemDiskController"
    inputs = (Input(DiscoveredVolumeSpec),)
    outputs = (Output(SystemDiskSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        volumes = [resource.spec for resource in await rt.list(DiscoveredVolumeSpec)]
        found = [volume for volume in volumes if volume.partition_label == META and volume.parent]
        desired = {}
        if found:
            desired[ID] = SystemDiskSpec(disk_id=found[0].parent, dev_path=found[0].parent_dev_path)
        await publish(rt, SystemDiskSpec, desired)

"""What the platform said about the machine itself, as a resource of its own. The network's part of it has a controller
for each layer of the network."""

from __future__ import annotations

from talos.controllers.network.platform_config import ID
from talos.controllers.publish import always
from talos.resources.network import PlatformConfigSpec
from talos.resources.runtime.platform_metadata import PlatformMetadataSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime


class PlatformConfigApplyController(Controller):
    """PlatformConfig → PlatformMetadata."""

    name = "network.PlatformConfigApplyController"
    inputs = (Input(PlatformConfigSpec, id=ID),)
    outputs = (Output(PlatformMetadataSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await rt.get_or_none(PlatformConfigSpec, ID)
        if config is not None:
            metadata = config.spec.metadata or PlatformMetadataSpec(platform=rt.env.platform)
            await rt.modify(PlatformMetadataSpec, "platformmetadata", always(metadata))

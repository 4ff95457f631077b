"""The image cache on a disk of the node: this version has none, so it is disabled, and nothing is copied to it. The
images of the node's own programs need no cache, they are part of the image that it runs from."""

from __future__ import annotations

from talos.controllers.publish import always
from talos.resources.cri import ImageCacheConfigSpec
from talos.resources.enums import ImageCacheCopyStatus, ImageCacheStatus
from talos.state.controller import Controller, Output
from talos.state.runtime import Runtime


class ImageCacheConfigController(Controller):
    """Writes it once."""

    name = "cri.ImageCacheConfigController"
    outputs = (Output(ImageCacheConfigSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        spec = ImageCacheConfigSpec(status=ImageCacheStatus.DISABLED, copy_status=ImageCacheCopyStatus.SKIPPED)
        await rt.modify(ImageCacheConfigSpec, "image-cache", always(spec))

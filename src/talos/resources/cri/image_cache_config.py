"""ImageCacheConfig: resource type ImageCacheConfigs.cri.talos.dev."""

from __future__ import annotations

from talos.resources.enums import ImageCacheCopyStatus, ImageCacheStatus
from talos.state.spec import Spec, resource


@resource(
    type="ImageCacheConfigs.cri.talos.dev",
    namespace="cri",
    display="ImageCacheConfig",
    aliases=("imagecacheconfig", "icc", "iccs"),
    all_aliases=("imagecacheconfigs", "imagecacheconfigs.cri", "imagecacheconfigs.cri.talos"),
    columns=(("Status", "{.status}"), ("CopyStatus", "{.copyStatus}"), ("Roots", "{.roots}")),
    proto="talos.resource.definitions.cri.ImageCacheConfigSpec",
)
class ImageCacheConfigSpec(Spec):
    """Spec of ImageCacheConfigs.cri.talos.dev."""

    status: ImageCacheStatus = ImageCacheStatus.UNKNOWN
    copy_status: ImageCacheCopyStatus = ImageCacheCopyStatus.UNKNOWN
    roots: list[str] = []

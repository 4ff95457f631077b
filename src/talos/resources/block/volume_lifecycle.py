"""VolumeLifecycle: resource type VolumeLifecycles.block.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="VolumeLifecycles.block.talos.dev",
    namespace="runtime",
    display="VolumeLifecycle",
    aliases=("volumelifecycle", "vl", "vls"),
    all_aliases=("volumelifecycles", "volumelifecycles.block", "volumelifecycles.block.talos"),
)
class VolumeLifecycleSpec(Spec):
    """Spec of VolumeLifecycles.block.talos.dev."""

"""CustomizationConfig: resource type CustomizationConfigs.cri.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="CustomizationConfigs.cri.talos.dev",
    namespace="cri",
    display="CustomizationConfig",
    aliases=("customizationconfig", "cc", "ccs"),
    all_aliases=("customizationconfigs", "customizationconfigs.cri", "customizationconfigs.cri.talos"),
    proto="talos.resource.definitions.cri.CustomizationConfigSpec",
    sensitive=True,
)
class CustomizationConfigSpec(Spec):
    """Spec of CustomizationConfigs.cri.talos.dev."""

    content: str = ""

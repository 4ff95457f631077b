"""BaseRuntimeSpecConfig: resource type BaseRuntimeSpecConfigs.cri.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Spec, resource


@resource(
    type="BaseRuntimeSpecConfigs.cri.talos.dev",
    namespace="cri",
    display="BaseRuntimeSpecConfig",
    aliases=("baseruntimespecconfig", "brsc", "brscs"),
    all_aliases=("baseruntimespecconfigs", "baseruntimespecconfigs.cri", "baseruntimespecconfigs.cri.talos"),
    proto="talos.resource.definitions.cri.BaseRuntimeSpecConfigSpec",
    forms={"config": "inline"},
    proto_names={"config": "object"},
)
class BaseRuntimeSpecConfigSpec(Spec):
    """Spec of BaseRuntimeSpecConfigs.cri.talos.dev."""

    config: dict[str, Any] = {}

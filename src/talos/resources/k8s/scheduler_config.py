"""SchedulerConfig: resource type SchedulerConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

import msgspec

from talos.resources.k8s.arg_values import ArgValues
from talos.resources.k8s.extra_volume import ExtraVolume
from talos.resources.k8s.resources import Resources
from talos.state.spec import Spec, resource


@resource(
    type="SchedulerConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="SchedulerConfig",
    aliases=("schedulerconfig", "sc", "scs"),
    all_aliases=("schedulerconfigs", "schedulerconfigs.kubernetes", "schedulerconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.SchedulerConfigSpec",
    omit_empty=("extra_args", "args"),
)
class SchedulerConfigSpec(Spec):
    """Spec of SchedulerConfigs.kubernetes.talos.dev."""

    enabled: bool = False
    image: str = ""
    extra_args: dict[str, ArgValues] = {}
    args: list[str] = []
    config: dict[str, Any] = {}
    extra_volumes: list[ExtraVolume] = []
    environment_variables: dict[str, str] = {}
    resources: Resources = msgspec.field(default_factory=Resources)

"""ControllerManagerConfig: resource type ControllerManagerConfigs.kubernetes.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.k8s.arg_values import ArgValues
from talos.resources.k8s.extra_volume import ExtraVolume
from talos.resources.k8s.resources import Resources
from talos.state.spec import Spec, resource


@resource(
    type="ControllerManagerConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="ControllerManagerConfig",
    aliases=("controllermanagerconfig", "cmc", "cmcs"),
    all_aliases=(
        "controllermanagerconfigs",
        "controllermanagerconfigs.kubernetes",
        "controllermanagerconfigs.kubernetes.talos",
    ),
    proto="talos.resource.definitions.k8s.ControllerManagerConfigSpec",
    omit_empty=("extra_args", "args"),
)
class ControllerManagerConfigSpec(Spec):
    """Spec of ControllerManagerConfigs.kubernetes.talos.dev."""

    enabled: bool = False
    image: str = ""
    cloud_provider: str = ""
    pod_cidrs: list[str] = msgspec.field(default_factory=list, name="podCIDRs")
    service_cidrs: list[str] = msgspec.field(default_factory=list, name="serviceCIDRs")
    extra_args: dict[str, ArgValues] = {}
    args: list[str] = []
    extra_volumes: list[ExtraVolume] = []
    environment_variables: dict[str, str] = {}
    resources: Resources = msgspec.field(default_factory=Resources)
    node_cidr_mask_size_ipv4: int = msgspec.field(default=0, name="nodeCIDRMaskSizeIPv4")
    node_cidr_mask_size_ipv6: int = msgspec.field(default=0, name="nodeCIDRMaskSizeIPv6")

"""APIServerConfig: resource type APIServerConfigs.kubernetes.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.k8s.arg_values import ArgValues
from talos.resources.k8s.extra_volume import ExtraVolume
from talos.resources.k8s.resources import Resources
from talos.state.spec import Spec, resource


@resource(
    type="APIServerConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="APIServerConfig",
    aliases=("apiserverconfig", "apisc", "apiscs"),
    all_aliases=("apiserverconfigs", "apiserverconfigs.kubernetes", "apiserverconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.APIServerConfigSpec",
    sensitive=True,
    omit_empty=("args",),
    proto_names={"service_cidr": "service_cid_rs"},
)
class APIServerConfigSpec(Spec):
    """Spec of APIServerConfigs.kubernetes.talos.dev."""

    image: str = ""
    cloud_provider: str = ""
    control_plane_endpoint: str = ""
    etcd_servers: list[str] = []
    local_port: int = 0
    service_cidr: list[str] = msgspec.field(default_factory=list, name="serviceCIDR")
    extra_args: dict[str, ArgValues] = {}
    args: list[str] = []
    extra_volumes: list[ExtraVolume] = []
    environment_variables: dict[str, str] = {}
    advertised_address: str = ""
    resources: Resources = msgspec.field(default_factory=Resources)
    startup_probes_enabled: bool = False
    use_authentication_config: bool = False

"""kube-apiserver's settings, from the configuration."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.k8s.control_plane_config import arguments, resources, volumes
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import APIServerConfigSpec
from talos.state import SHARED, Output

ID = "kube-apiserver"


class ControlPlaneAPIServerController(ConfigTransform):
    """MachineConfig -> APIServerConfig "kube-apiserver"."""

    name = "k8s.ControlPlaneAPIServerController"
    kind = APIServerConfigSpec
    id = ID
    outputs = (Output(APIServerConfigSpec, SHARED),)

    def render(self, config: Config) -> APIServerConfigSpec | None:
        return api_server_config(config)


def api_server_config(config: Config) -> APIServerConfigSpec | None:
    """None where no API server runs."""
    server = config.kubernetes.api_server
    if not config.machine.is_control_plane or server is None:
        return None
    return APIServerConfigSpec(
        image=server.image,
        cloud_provider="external" if config.cluster.external_cloud_provider else "",
        control_plane_endpoint=config.cluster.endpoint,
        etcd_servers=["https://127.0.0.1:2379"],
        local_port=server.port,
        service_cidr=list(config.cluster.service_cidrs),
        extra_args=arguments(server.extra_args),
        extra_volumes=volumes(server.extra_volumes),
        environment_variables=dict(server.env),
        advertised_address="$(POD_IP)",
        resources=resources(server.resources),
        startup_probes_enabled=server.startup_probes,
        use_authentication_config=server.use_authentication_config,
    )

"""kube-apiserver's whole command line: its settings, and the issuer of service account tokens."""

from __future__ import annotations

from talos.controllers.k8s.control_plane_api_server import ID
from talos.controllers.k8s.control_plane_arguments import api_server_arguments
from talos.controllers.transform import ResourceTransform
from talos.resources.k8s import APIServerConfigSpec
from talos.resources.secrets import KubernetesRootSpec
from talos.state import SHARED, Input, Output

FINAL_ID = "final-kube-apiserver"


class ControlPlaneAPIServerFinalController(ResourceTransform):
    """APIServerConfig, KubernetesRootSecret -> APIServerConfig "final-kube-apiserver"."""

    name = "k8s.ControlPlaneAPIServerFinalController"
    kind = APIServerConfigSpec
    id = FINAL_ID
    inputs = (Input(APIServerConfigSpec, id=ID), Input(KubernetesRootSpec, id="k8s"))
    outputs = (Output(APIServerConfigSpec, SHARED),)

    def render(self, config: APIServerConfigSpec, root: KubernetesRootSpec) -> APIServerConfigSpec:
        return final(config, root)


def final(config: APIServerConfigSpec, root: KubernetesRootSpec) -> APIServerConfigSpec:
    """What the static pod is made from. DeniedArgumentError."""
    command = api_server_arguments(
        local_port=config.local_port,
        etcd_servers=config.etcd_servers,
        service_cidrs=config.service_cidr,
        issuer_url=root.issuer_url,
        accepted_issuers=root.accepted_issuers,
        audiences=root.api_audiences,
        advertised_address=config.advertised_address,
        cloud_provider=config.cloud_provider,
        authentication_config=config.use_authentication_config,
        extra_args={name: value.values for name, value in config.extra_args.items()},
    )
    return APIServerConfigSpec(
        image=config.image,
        local_port=config.local_port,
        args=command,
        extra_volumes=config.extra_volumes,
        environment_variables=config.environment_variables,
        resources=config.resources,
        startup_probes_enabled=config.startup_probes_enabled,
        use_authentication_config=config.use_authentication_config,
    )

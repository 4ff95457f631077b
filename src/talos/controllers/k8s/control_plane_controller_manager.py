"""kube-controller-manager's settings, from the configuration."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.k8s.control_plane_config import arguments, resources, volumes
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import ControllerManagerConfigSpec
from talos.state import SHARED, Output

ID = "kube-controller-manager"


class ControlPlaneControllerManagerController(ConfigTransform):
    """MachineConfig -> ControllerManagerConfig "kube-controller-manager"."""

    name = "k8s.ControlPlaneControllerManagerController"
    kind = ControllerManagerConfigSpec
    id = ID
    outputs = (Output(ControllerManagerConfigSpec, SHARED),)

    def render(self, config: Config) -> ControllerManagerConfigSpec | None:
        return controller_manager_config(config)


def controller_manager_config(config: Config) -> ControllerManagerConfigSpec | None:
    """None where there is no controller manager."""
    manager, cluster = config.kubernetes.controller_manager, config.cluster
    if not config.machine.is_control_plane or manager is None:
        return None
    return ControllerManagerConfigSpec(
        enabled=manager.enabled,
        image=manager.image,
        cloud_provider="external" if cluster.external_cloud_provider else "",
        pod_cidrs=list(cluster.pod_cidrs),
        service_cidrs=list(cluster.service_cidrs),
        extra_args=arguments(manager.extra_args),
        extra_volumes=volumes(manager.extra_volumes),
        environment_variables=dict(manager.env),
        resources=resources(manager.resources),
        node_cidr_mask_size_ipv4=cluster.node_cidr_mask_size_ipv4,
        node_cidr_mask_size_ipv6=cluster.node_cidr_mask_size_ipv6,
    )

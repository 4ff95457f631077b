"""kube-controller-manager's whole command line."""

from __future__ import annotations

from talos.controllers.k8s.control_plane_arguments import controller_manager_arguments
from talos.controllers.k8s.control_plane_controller_manager import ID
from talos.controllers.transform import ResourceTransform
from talos.resources.k8s import ControllerManagerConfigSpec
from talos.state import SHARED, Input, Output

FINAL_ID = "final-kube-controller-manager"


class ControlPlaneControllerManagerFinalController(ResourceTransform):
    """ControllerManagerConfig -> ControllerManagerConfig "final-kube-controller-manager"."""

    name = "k8s.ControlPlaneControllerManagerFinalController"
    kind = ControllerManagerConfigSpec
    id = FINAL_ID
    inputs = (Input(ControllerManagerConfigSpec, id=ID),)
    outputs = (Output(ControllerManagerConfigSpec, SHARED),)

    def render(self, config: ControllerManagerConfigSpec) -> ControllerManagerConfigSpec:
        return final(config)


def final(config: ControllerManagerConfigSpec) -> ControllerManagerConfigSpec:
    """What the static pod is made from. DeniedArgumentError."""
    command = controller_manager_arguments(
        pod_cidrs=config.pod_cidrs,
        service_cidrs=config.service_cidrs,
        node_cidr_mask_ipv4=config.node_cidr_mask_size_ipv4,
        node_cidr_mask_ipv6=config.node_cidr_mask_size_ipv6,
        cloud_provider=config.cloud_provider,
        extra_args={name: value.values for name, value in config.extra_args.items()},
    )
    return ControllerManagerConfigSpec(
        enabled=config.enabled,
        image=config.image,
        args=command,
        extra_volumes=config.extra_volumes,
        environment_variables=config.environment_variables,
        resources=config.resources,
    )

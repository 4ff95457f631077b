"""kube-scheduler's whole command line and configuration file."""

from __future__ import annotations

from talos.controllers.k8s.control_plane_arguments import scheduler_arguments
from talos.controllers.k8s.control_plane_files import scheduler_config
from talos.controllers.k8s.control_plane_scheduler import ID
from talos.controllers.transform import ResourceTransform
from talos.resources.k8s import SchedulerConfigSpec
from talos.state import SHARED, Input, Output

FINAL_ID = "final-kube-scheduler"


class ControlPlaneSchedulerFinalController(ResourceTransform):
    """SchedulerConfig -> SchedulerConfig "final-kube-scheduler"."""

    name = "k8s.ControlPlaneSchedulerFinalController"
    kind = SchedulerConfigSpec
    id = FINAL_ID
    inputs = (Input(SchedulerConfigSpec, id=ID),)
    outputs = (Output(SchedulerConfigSpec, SHARED),)

    def render(self, config: SchedulerConfigSpec) -> SchedulerConfigSpec:
        return final(config)


def final(config: SchedulerConfigSpec) -> SchedulerConfigSpec:
    """What the static pod is made from. DeniedArgumentError."""
    return SchedulerConfigSpec(
        enabled=config.enabled,
        image=config.image,
        args=scheduler_arguments({name: value.values for name, value in config.extra_args.items()}),
        config=scheduler_config(config.config),
        extra_volumes=config.extra_volumes,
        environment_variables=config.environment_variables,
        resources=config.resources,
    )

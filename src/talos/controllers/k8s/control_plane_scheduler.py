"""kube-scheduler's settings, from the configuration."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.k8s.control_plane_config import arguments, resources, volumes
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import SchedulerConfigSpec
from talos.state import SHARED, Output

ID = "kube-scheduler"


class ControlPlaneSchedulerController(ConfigTransform):
    """MachineConfig -> SchedulerConfig "kube-scheduler"."""

    name = "k8s.ControlPlaneSchedulerController"
    kind = SchedulerConfigSpec
    id = ID
    outputs = (Output(SchedulerConfigSpec, SHARED),)

    def render(self, config: Config) -> SchedulerConfigSpec | None:
        return scheduler_settings(config)


def scheduler_settings(config: Config) -> SchedulerConfigSpec | None:
    """None where there is no scheduler."""
    scheduler = config.kubernetes.scheduler
    if not config.machine.is_control_plane or scheduler is None:
        return None
    return SchedulerConfigSpec(
        enabled=scheduler.enabled,
        image=scheduler.image,
        extra_args=arguments(scheduler.extra_args),
        config=scheduler.config,
        extra_volumes=volumes(scheduler.extra_volumes),
        environment_variables=dict(scheduler.env),
        resources=resources(scheduler.resources),
    )

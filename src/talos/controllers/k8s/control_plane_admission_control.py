"""Admission plugins of kube-apiserver, from the configuration."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import AdmissionControlConfigSpec, AdmissionPluginSpec
from talos.state import Output


class ControlPlaneAdmissionControlController(ConfigTransform):
    """MachineConfig -> AdmissionControlConfig "admission-control"."""

    name = "k8s.ControlPlaneAdmissionControlController"
    outputs = (Output(AdmissionControlConfigSpec),)
    kind = AdmissionControlConfigSpec
    id = "admission-control"

    def render(self, config: Config) -> AdmissionControlConfigSpec | None:
        if not config.machine.is_control_plane or config.kubernetes.api_server is None:
            return None
        plugins = config.kubernetes.admission_plugins
        return AdmissionControlConfigSpec(
            config=[AdmissionPluginSpec(name=p.name, configuration=p.configuration) for p in plugins]
        )

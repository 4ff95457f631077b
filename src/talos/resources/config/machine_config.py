"""MachineConfig: resource type MachineConfigs.config.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="MachineConfigs.config.talos.dev",
    namespace="config",
    display="MachineConfig",
    aliases=("machineconfig", "mc", "mcs"),
    all_aliases=("machineconfigs", "machineconfigs.config", "machineconfigs.config.talos"),
    proto="resource.config.MachineConfigSpec",
    sensitive=True,
    forms={"text": "inline"},
    proto_names={"text": "yaml_marshalled"},
)
class MachineConfigSpec(Spec):
    """Spec of MachineConfigs.config.talos.dev."""

    text: str = ""

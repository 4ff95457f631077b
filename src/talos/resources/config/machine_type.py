"""MachineType: resource type MachineTypes.config.talos.dev."""

from __future__ import annotations

from talos.resources.enums import MachineType
from talos.state.spec import Spec, resource


@resource(
    type="MachineTypes.config.talos.dev",
    namespace="config",
    display="MachineType",
    aliases=("machinetype", "mt", "mts"),
    all_aliases=("machinetypes", "machinetypes.config", "machinetypes.config.talos"),
    columns=(("Type", "{@}"),),
    proto="resource.config.MachineTypeSpec",
    forms={"type": "inline"},
    proto_names={"type": "machine_type"},
)
class MachineTypeSpec(Spec):
    """Spec of MachineTypes.config.talos.dev."""

    type: MachineType = MachineType.UNKNOWN

"""What the machine configuration changes in the OCI runtime specification of every container."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.cri import BaseRuntimeSpecConfigSpec
from talos.state import Output


class RuntimeSpecConfigController(ConfigTransform):
    """MachineConfig → BaseRuntimeSpecConfig "overrides"; none without overrides."""

    name = "cri.RuntimeSpecConfigController"
    outputs = (Output(BaseRuntimeSpecConfigSpec),)
    kind = BaseRuntimeSpecConfigSpec
    id = "overrides"

    def render(self, config: Config) -> BaseRuntimeSpecConfigSpec | None:
        overrides = config.machine.base_runtime_spec
        return BaseRuntimeSpecConfigSpec(config=overrides) if overrides else None

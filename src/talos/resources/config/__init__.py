"""Resource types of the domain config."""

from __future__ import annotations

from talos.resources.config.machine_config import MachineConfigSpec
from talos.resources.config.machine_type import MachineTypeSpec

__all__ = [
    "MachineConfigSpec",
    "MachineTypeSpec",
]

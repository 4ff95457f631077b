"""Resource types of the domain hardware."""

from __future__ import annotations

from talos.resources.hardware.cpu_core import CPUCoreSpec
from talos.resources.hardware.memory_module import MemoryModuleSpec
from talos.resources.hardware.pci_device import PCIDeviceSpec
from talos.resources.hardware.pci_driver_rebind_config import PCIDriverRebindConfigSpec
from talos.resources.hardware.pci_driver_rebind_status import PCIDriverRebindStatusSpec
from talos.resources.hardware.pcr_status import PCRStatusSpec
from talos.resources.hardware.processor import ProcessorSpec
from talos.resources.hardware.system_information import SystemInformationSpec

__all__ = [
    "CPUCoreSpec",
    "MemoryModuleSpec",
    "PCIDeviceSpec",
    "PCIDriverRebindConfigSpec",
    "PCIDriverRebindStatusSpec",
    "PCRStatusSpec",
    "ProcessorSpec",
    "SystemInformationSpec",
]

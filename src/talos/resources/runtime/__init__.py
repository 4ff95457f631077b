"""Resource types of the domain runtime."""

from __future__ import annotations

from talos.resources.runtime.api_service_config import APIServiceConfigSpec
from talos.resources.runtime.boot_id import BootIDSpec
from talos.resources.runtime.booted_entry import BootedEntrySpec
from talos.resources.runtime.devices_status import DevicesStatusSpec
from talos.resources.runtime.diagnostic import DiagnosticSpec
from talos.resources.runtime.environment import EnvironmentSpec
from talos.resources.runtime.event_sink_config import EventSinkConfigSpec
from talos.resources.runtime.extension_service_config import ExtensionServiceConfigFile, ExtensionServiceConfigSpec
from talos.resources.runtime.extension_service_config_status import ExtensionServiceConfigStatusSpec
from talos.resources.runtime.image_factory_schematic import ImageFactorySchematicSpec
from talos.resources.runtime.kernel_cmdline import KernelCmdlineSpec
from talos.resources.runtime.kernel_module_spec import KernelModuleSpecSpec
from talos.resources.runtime.kernel_module_status import KernelModuleStatusSpec
from talos.resources.runtime.kernel_param_default_spec import KernelParamDefaultSpecSpec
from talos.resources.runtime.kernel_param_spec import KernelParamSpecSpec
from talos.resources.runtime.kernel_param_status import KernelParamStatusSpec
from talos.resources.runtime.kmsg_log_config import KmsgLogConfigSpec
from talos.resources.runtime.loaded_kernel_module import LoadedKernelModuleSpec
from talos.resources.runtime.machine_reset_signal import MachineResetSignalSpec
from talos.resources.runtime.machine_status import MachineStatusSpec, MachineStatusStatus, UnmetCondition
from talos.resources.runtime.maintenance_service_config import MaintenanceServiceConfigSpec
from talos.resources.runtime.maintenance_service_request import MaintenanceServiceRequestSpec
from talos.resources.runtime.meta_key import MetaKeySpec
from talos.resources.runtime.meta_load import MetaLoadedSpec
from talos.resources.runtime.mount_status import MountStatusSpec
from talos.resources.runtime.oom_action import OOMActionSpec
from talos.resources.runtime.platform_metadata import PlatformMetadataSpec
from talos.resources.runtime.reboot_request import RebootRequestSpec
from talos.resources.runtime.sbom_item import SBOMItemSpec
from talos.resources.runtime.security_state import SecurityStateSpec
from talos.resources.runtime.service_pid import ServicePIDSpec
from talos.resources.runtime.unattended_install_status import UnattendedInstallStatusSpec
from talos.resources.runtime.unique_machine_token import UniqueMachineTokenSpec
from talos.resources.runtime.version import VersionSpec
from talos.resources.runtime.watchdog_timer_config import WatchdogTimerConfigSpec
from talos.resources.runtime.watchdog_timer_status import WatchdogTimerStatusSpec

__all__ = [
    "APIServiceConfigSpec",
    "BootIDSpec",
    "BootedEntrySpec",
    "DevicesStatusSpec",
    "DiagnosticSpec",
    "EnvironmentSpec",
    "EventSinkConfigSpec",
    "ExtensionServiceConfigFile",
    "ExtensionServiceConfigSpec",
    "ExtensionServiceConfigStatusSpec",
    "ImageFactorySchematicSpec",
    "KernelCmdlineSpec",
    "KernelModuleSpecSpec",
    "KernelModuleStatusSpec",
    "KernelParamDefaultSpecSpec",
    "KernelParamSpecSpec",
    "KernelParamStatusSpec",
    "KmsgLogConfigSpec",
    "LoadedKernelModuleSpec",
    "MachineResetSignalSpec",
    "MachineStatusSpec",
    "MachineStatusStatus",
    "MaintenanceServiceConfigSpec",
    "MaintenanceServiceRequestSpec",
    "MetaKeySpec",
    "MetaLoadedSpec",
    "MountStatusSpec",
    "OOMActionSpec",
    "PlatformMetadataSpec",
    "RebootRequestSpec",
    "SBOMItemSpec",
    "SecurityStateSpec",
    "ServicePIDSpec",
    "UnattendedInstallStatusSpec",
    "UniqueMachineTokenSpec",
    "UnmetCondition",
    "VersionSpec",
    "WatchdogTimerConfigSpec",
    "WatchdogTimerStatusSpec",
]

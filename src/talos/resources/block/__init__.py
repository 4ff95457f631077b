"""Resource types of the domain block."""

from __future__ import annotations

from talos.resources.block.block_device import DeviceSpec
from talos.resources.block.block_symlink import SymlinkSpec
from talos.resources.block.discovered_volume import DiscoveredVolumeSpec
from talos.resources.block.discovery_refresh_request import DiscoveryRefreshRequestSpec
from talos.resources.block.discovery_refresh_status import DiscoveryRefreshStatusSpec
from talos.resources.block.disk import DiskSpec
from talos.resources.block.fs_scrub_schedule import FSScrubScheduleSpec
from talos.resources.block.fs_scrub_status import FSScrubStatusSpec
from talos.resources.block.mount import MountSpec
from talos.resources.block.mount_request import MountRequestSpec
from talos.resources.block.mount_status import MountStatusSpec
from talos.resources.block.parameter import ParameterSpec
from talos.resources.block.swap_status import SwapStatusSpec
from talos.resources.block.symlink_provisioning import SymlinkProvisioningSpec
from talos.resources.block.system_disk import SystemDiskSpec
from talos.resources.block.user_disk_config_status import UserDiskConfigStatusSpec
from talos.resources.block.volume_config import (
    DiskSelector,
    EncryptionKey,
    EncryptionSpec,
    FilesystemSpec,
    LocatorSpec,
    PartitionSpec,
    ProvisioningSpec,
    VolumeConfigSpec,
)
from talos.resources.block.volume_lifecycle import VolumeLifecycleSpec
from talos.resources.block.volume_mount_request import VolumeMountRequestSpec
from talos.resources.block.volume_mount_status import VolumeMountStatusSpec
from talos.resources.block.volume_status import TPMEncryptionOptionsInfo, VolumeStatusSpec
from talos.resources.block.volume_trim_schedule import VolumeTrimScheduleSpec
from talos.resources.block.zswap_status import ZswapStatusSpec

__all__ = [
    "DeviceSpec",
    "DiscoveredVolumeSpec",
    "DiscoveryRefreshRequestSpec",
    "DiscoveryRefreshStatusSpec",
    "DiskSelector",
    "DiskSpec",
    "EncryptionKey",
    "EncryptionSpec",
    "FSScrubScheduleSpec",
    "FSScrubStatusSpec",
    "FilesystemSpec",
    "LocatorSpec",
    "MountRequestSpec",
    "MountSpec",
    "MountStatusSpec",
    "ParameterSpec",
    "PartitionSpec",
    "ProvisioningSpec",
    "SwapStatusSpec",
    "SymlinkProvisioningSpec",
    "SymlinkSpec",
    "SystemDiskSpec",
    "TPMEncryptionOptionsInfo",
    "UserDiskConfigStatusSpec",
    "VolumeConfigSpec",
    "VolumeLifecycleSpec",
    "VolumeMountRequestSpec",
    "VolumeMountStatusSpec",
    "VolumeStatusSpec",
    "VolumeTrimScheduleSpec",
    "ZswapStatusSpec",
]

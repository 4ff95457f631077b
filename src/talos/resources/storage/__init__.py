"""Resource types of the domain storage."""

from __future__ import annotations

from talos.resources.storage.lvm_logical_volume_spec import LVMLogicalVolumeSpecSpec
from talos.resources.storage.lvm_logical_volume_status import LVMLogicalVolumeStatusSpec
from talos.resources.storage.lvm_physical_volume_spec import LVMPhysicalVolumeSpecSpec
from talos.resources.storage.lvm_physical_volume_status import LVMPhysicalVolumeStatusSpec
from talos.resources.storage.lvm_refresh_request import LVMRefreshRequestSpec
from talos.resources.storage.lvm_validation_error import LVMValidationErrorSpec
from talos.resources.storage.lvm_volume_group_spec import LVMVolumeGroupSpecSpec
from talos.resources.storage.lvm_volume_group_status import LVMVolumeGroupStatusSpec
from talos.resources.storage.md_array_spec import MDArraySpecSpec
from talos.resources.storage.md_array_status import MDArrayStatusSpec
from talos.resources.storage.md_refresh_request import MDRefreshRequestSpec

__all__ = [
    "LVMLogicalVolumeSpecSpec",
    "LVMLogicalVolumeStatusSpec",
    "LVMPhysicalVolumeSpecSpec",
    "LVMPhysicalVolumeStatusSpec",
    "LVMRefreshRequestSpec",
    "LVMValidationErrorSpec",
    "LVMVolumeGroupSpecSpec",
    "LVMVolumeGroupStatusSpec",
    "MDArraySpecSpec",
    "MDArrayStatusSpec",
    "MDRefreshRequestSpec",
]

"""The configuration's volumes of the user → VolumeConfigs: what is wanted, and by which label it is found again.

Those that are folders are made by the same controller as the system's (volume_manager), also in a container. The others
need a disk: machined's own controller makes and mounts them (talos.machined.controllers.user_volumes).
"""

from __future__ import annotations

from talos.config.view.model import UserVolume
from talos.config.view.volumes import CACHE, DISK, EXISTING, SWAP, USER, mount_path
from talos.controllers import machine_config
from talos.controllers.block.volume_config import SYSTEM_VOLUME, encryption_spec, provisioning_spec, with_trim
from talos.controllers.publish import always
from talos.resources.block import LocatorSpec, MountSpec, VolumeConfigSpec
from talos.resources.block.volume_config import DiskSelector, FilesystemSpec, ProvisioningSpec
from talos.resources.enums import FilesystemType, VolumeType
from talos.state.controller import SHARED, Controller, Output
from talos.state.runtime import Runtime

PARENT = "/var/mnt"
_LABELED = ("user", "raw", "existing", "swap")
MINIMUM = 100 << 20
_SELINUX = "system_u:object_r:ephemeral_t:s0"


def labels(volume: UserVolume) -> dict[str, str]:
    """Of its resources."""
    if volume.role == CACHE:
        return {SYSTEM_VOLUME: ""}
    return {f"talos.dev/{volume.role}-volume": ""} if volume.role in _LABELED else {}


def spec(volume: UserVolume) -> VolumeConfigSpec:
    """One volume's resource."""
    made = VolumeConfigSpec(type=VolumeType.parse(volume.kind))
    if volume.role in (USER, EXISTING, DISK, CACHE):
        made.parent_id = "" if volume.role in (DISK, CACHE) else PARENT
        made.mount = MountSpec(
            target_path=volume.name if made.parent_id else mount_path(volume.id),
            selinux_label=_SELINUX,
            parent_id=made.parent_id,
            file_mode=0o755,
            secure=volume.secure,
            project_quota_support=volume.project_quota,
        )
    if volume.kind == "directory":
        return made
    if volume.match:
        made.locator = LocatorSpec(match=volume.match)
        return made
    if volume.kind == "disk":
        made.provisioning = ProvisioningSpec(disk_selector=DiskSelector(match=volume.provisioning.selector))
        made.locator = LocatorSpec(match=f'volume.label == "{volume.id}"')
    else:
        made.provisioning = provisioning_spec(volume.provisioning, volume.id, minimum=MINIMUM, grow=False)
        made.locator = LocatorSpec(match=f'volume.partition_label == "{volume.id}"')
    if volume.filesystem or volume.role == SWAP:
        made.provisioning.filesystem_spec = FilesystemSpec(
            type=FilesystemType.SWAP if volume.role == SWAP else FilesystemType.parse(volume.filesystem),
            label=volume.id,
            min_allocation_group_size=volume.min_allocation_group_size,
        )
    if volume.encryption is not None:
        made.encryption = encryption_spec(volume.encryption)
    return made


class UserVolumeConfigController(Controller):
    """Writes the volumes of the user; in a container only those that are folders."""

    name = "block.UserVolumeConfigController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(VolumeConfigSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        wanted = config.machine.volumes if config is not None else ()
        volumes = {one.id: one for one in wanted if one.kind == "directory" or not rt.env.in_container}
        for id, volume in volumes.items():
            made = spec(volume)
            if config is not None and made.mount is not None and volume.kind != "directory":
                with_trim(made, config.machine.trims.of(id))
            await rt.modify(VolumeConfigSpec, id, always(made), labels=labels(volume))
        await rt.keep_only(VolumeConfigSpec, volumes)

"""The volumes of a node: folders with the owner and mode that their users expect.

On a machine the first three are partitions, which the start of the system made and mounted; for a container node the
provisioner has mounted what persists at /system/state and /var. Figures: contract, "VolumeConfig rendered in container
mode" and "volumes: system partitions on metal".
"""

from __future__ import annotations

from datetime import timedelta

from talos.config.view.model import Encryption, Provisioning, SystemVolume
from talos.controllers import machine_config
from talos.controllers.publish import always
from talos.resources.block import LocatorSpec, MountSpec, SymlinkProvisioningSpec, VolumeConfigSpec
from talos.resources.block.volume_config import (
    DiskSelector,
    EncryptionKey,
    EncryptionSpec,
    FilesystemSpec,
    PartitionSpec,
    ProvisioningSpec,
)
from talos.resources.enums import EncryptionKeyType, EncryptionProviderType, FilesystemType, VolumeType
from talos.state.controller import SHARED, Controller, Output
from talos.state.runtime import Runtime

SYSTEM_VOLUME = "talos.dev/system-volume"
_MIB = 1 << 20
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_SELINUX = "system_u:object_r:{}:s0"


def _folder(target: str, label: str, mode: int, parent: str = "", uid: int = 0, gid: int = 0) -> VolumeConfigSpec:
    return VolumeConfigSpec(
        parent_id=parent,
        type=VolumeType.DIRECTORY,
        mount=MountSpec(
            target_path=target, selinux_label=_SELINUX.format(label), parent_id=parent, file_mode=mode, uid=uid, gid=gid
        ),
    )


def container_volumes() -> dict[str, VolumeConfigSpec]:
    """All volumes by id; a parent stands before its children."""
    state = _folder("/system/state", "system_state_t", 0o700)
    assert state.mount is not None
    state.mount.secure = state.mount.no_exec = True
    return {
        "META": VolumeConfigSpec(
            type=VolumeType.PARTITION,
            locator=LocatorSpec(
                match='volume.partition_label == "META" && volume.name in ["", "talosmeta"] && volume.size == 1048576u'
            ),
        ),
        "STATE": state,
        "EPHEMERAL": _folder("/var", "ephemeral_t", 0o755),
        "/var/run": VolumeConfigSpec(
            type=VolumeType.SYMLINK,
            mount=MountSpec(target_path="/var/run"),
            symlink=SymlinkProvisioningSpec(symlink_target_path="/run", force=True),
        ),
        # The contract says 0700; etcd, which runs without a container around it, must reach its folder as user 60.
        "/var/lib": _folder("lib", "ephemeral_t", 0o711, "EPHEMERAL"),
        "/var/mnt": _folder("mnt", "ephemeral_t", 0o755, "EPHEMERAL"),
        "LOG": _folder("log", "var_log_t", 0o755, "EPHEMERAL"),
        "/var/run/lock": _folder("lock", "var_lock_t", 0o755, "/var/run"),
        "/var/lib/cni": _folder("cni", "cni_state_t", 0o700, "/var/lib"),
        "CRI": _folder("containerd", "containerd_state_t", 0o700, "/var/lib"),
        "ETCD": _folder("etcd", "etcd_data_t", 0o700, "/var/lib", 60, 60),
        "KUBELET": _folder("kubelet", "kubelet_state_t", 0o700, "/var/lib"),
        "/var/lib/kubelet/seccomp": _folder("seccomp", "seccomp_profile_t", 0o700, "KUBELET"),
        "/var/lib/kubelet/seccomp/profiles": _folder(
            "profiles", "seccomp_profile_t", 0o700, "/var/lib/kubelet/seccomp"
        ),
        "/var/log/audit": _folder("audit", "audit_log_t", 0o700, "LOG"),
        "/var/log/audit/kube": _folder("kube", "kube_log_t", 0o700, "/var/log/audit", 65534, 65534),
        "/var/log/containers": _folder("containers", "containers_log_t", 0o755, "LOG"),
        "/var/log/pods": _folder("pods", "pods_log_t", 0o755, "LOG"),
    }


def machine_volumes() -> dict[str, VolumeConfigSpec]:
    """All volumes of a machine by id: the folders are the same."""
    volumes = container_volumes()
    state, ephemeral = _partition("STATE", volumes["STATE"], 100 * _MIB), _partition("EPHEMERAL", volumes["EPHEMERAL"])
    assert ephemeral.mount is not None
    ephemeral.mount.secure = ephemeral.mount.project_quota_support = True
    return volumes | {"STATE": state, "EPHEMERAL": ephemeral}


def provisioning_spec(wanted: Provisioning, label: str, *, minimum: int, grow: bool, wave: int = 0) -> ProvisioningSpec:
    """Place and size as a resource, with what holds where nothing is said."""
    return ProvisioningSpec(
        wave=wave,
        disk_selector=DiskSelector(match=wanted.selector or "system_disk"),
        partition_spec=PartitionSpec(
            min_size=wanted.min_size or minimum,
            max_size=wanted.max_size,
            relative_max_size=wanted.max_percent,
            negative_max_size=wanted.negative,
            grow=grow if wanted.grow is None else wanted.grow,
            label=label,
            type_uuid=_LINUX,
        ),
    )


def configured(spec: VolumeConfigSpec, label: str, wanted: SystemVolume) -> None:
    """Fill in what a configuration says of a system volume."""
    assert spec.mount is not None and spec.provisioning.partition_spec is not None
    filesystem = spec.provisioning.filesystem_spec
    assert filesystem is not None
    minimum = spec.provisioning.partition_spec.min_size
    spec.provisioning = provisioning_spec(wanted.provisioning, label, minimum=minimum, grow=True, wave=-1)
    spec.provisioning.filesystem_spec = filesystem
    filesystem.min_allocation_group_size = wanted.min_allocation_group_size or filesystem.min_allocation_group_size
    spec.mount.secure = wanted.secure


def with_trim(spec: VolumeConfigSpec, interval: timedelta | None) -> None:
    """Fill in how often it is trimmed; None: never."""
    spec.trim_enabled, spec.trim_interval = interval is not None, interval or timedelta()


def _partition(label: str, folder: VolumeConfigSpec, size: int = 0) -> VolumeConfigSpec:
    """A system partition of that size, or one of at least 2 GiB that takes what is left."""
    return VolumeConfigSpec(
        type=VolumeType.PARTITION,
        provisioning=ProvisioningSpec(
            wave=-1,
            disk_selector=DiskSelector(match="system_disk"),
            partition_spec=PartitionSpec(
                min_size=size or 2048 * _MIB, max_size=size, grow=not size, label=label, type_uuid=_LINUX
            ),
            filesystem_spec=FilesystemSpec(
                type=FilesystemType.XFS, label=label, min_allocation_group_size=65536 * _MIB
            ),
        ),
        locator=LocatorSpec(match=f'volume.partition_label == "{label}"'),
        mount=folder.mount,
        trim_enabled=True,
        trim_interval=timedelta(hours=168),
    )


def encryption_spec(wanted: Encryption) -> EncryptionSpec:
    """How a volume is to be encrypted, as a resource."""
    return EncryptionSpec(
        provider=EncryptionProviderType.parse(wanted.provider or "luks2"),
        keys=[
            EncryptionKey(
                slot=key.slot,
                type=EncryptionKeyType.parse(key.kind),
                lock_to_state=key.lock_to_state,
                static_passphrase=key.passphrase,
                tpm_check_secureboot_status_on_enroll=key.check_secure_boot,
                pcrs=list(key.registers),
            )
            for key in wanted.keys
        ],
        cipher=wanted.cipher,
        key_size=wanted.key_size,
        block_size=wanted.block_size,
        perf_options=list(wanted.options),
        allow_discards=wanted.allow_discards,
    )


class VolumeConfigController(Controller):
    """Writes the node's volumes."""

    name = "block.VolumeConfigController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(VolumeConfigSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        volumes = container_volumes() if rt.env.in_container else machine_volumes()
        config = None if rt.env.in_container else await machine_config.active(rt)
        if config is not None and (ephemeral := config.machine.system_volumes.get("EPHEMERAL")):
            configured(volumes["EPHEMERAL"], "EPHEMERAL", ephemeral)
        for id, wanted in (config.machine.encryption if config is not None else {}).items():
            if id in volumes and volumes[id].type is VolumeType.PARTITION:
                volumes[id].encryption = encryption_spec(wanted)
        if config is not None:  # of a machine
            for id in ("STATE", "EPHEMERAL"):
                with_trim(volumes[id], config.machine.trims.of(id))
        for id, spec in volumes.items():
            await rt.modify(VolumeConfigSpec, id, always(spec), labels={SYSTEM_VOLUME: ""})
        await rt.keep_only(VolumeConfigSpec, volumes)

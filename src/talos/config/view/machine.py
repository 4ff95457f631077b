"""The machine itself: role, identity, kernel, environment, installation."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from talos.config.block.volume_config import VolumeConfig
from talos.config.cri.cri_base_runtime_spec_config import CRIBaseRuntimeSpecConfig
from talos.config.k8s.kube_talos_api_access_config import KubeTalosAPIAccessConfig
from talos.config.runtime.environment_config import EnvironmentConfig
from talos.config.runtime.kernel_module_config import KernelModuleConfig
from talos.config.runtime.kmsg_log_config import KmsgLogConfig
from talos.config.runtime.sysctl_config import SysctlConfig
from talos.config.runtime.sysfs_config import SysfsConfig
from talos.config.runtime.udev_rules_config import UdevRulesConfig
from talos.config.runtime.unattended_install_config import UnattendedInstallConfig
from talos.config.runtime.watchdog_timer_config import WatchdogTimerConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.v1alpha1.machine import MachineConfig
from talos.config.view.model import (
    Authority,
    CertificateAndKey,
    Encryption,
    Install,
    KernelModule,
    LogDestination,
    MachineType,
    SystemVolume,
    TalosAPIAccess,
    UserVolume,
)
from talos.config.view.volumes import IMAGE_CACHE, encryption_of, provisioning_of, size_of

if TYPE_CHECKING:
    from talos.config.config import Config
    from talos.config.v1alpha1.machine import MachineFile
    from talos.config.view.trims import Trims


class MachineView:
    """``cfg.machine``."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def _legacy(self) -> MachineConfig:
        document = self._config.get(V1Alpha1)
        return (document.machine if document else None) or MachineConfig()

    @property
    def configured(self) -> bool:
        """Whether there is a machine section at all: without one a configuration is only a fragment."""
        document = self._config.get(V1Alpha1)
        return document is not None and document.machine is not None

    @cached_property
    def type(self) -> MachineType:
        """Role; a configuration without ``machine.type`` describes a worker."""
        return MachineType.CONTROL_PLANE if self._legacy.type in ("controlplane", "init") else MachineType.WORKER

    @property
    def is_control_plane(self) -> bool:
        """Whether it is one of those that hold the cluster: certificates are signed here, and etcd and the control
        plane run here if the configuration has any."""
        return self.type is MachineType.CONTROL_PLANE

    @property
    def is_init(self) -> bool:
        """Of the old type ``init``: a control plane machine that founds etcd unasked."""
        return self._legacy.type == "init"

    @property
    def runs_etcd(self) -> bool:
        """Whether a member of etcd runs here. Without an authority there is none: members know each other by it."""
        return self.is_control_plane and self._config.cluster.etcd.ca is not None

    @property
    def runs_kubelet(self) -> bool:
        """Whether the machine is a node of Kubernetes."""
        return self._config.kubelet.runs

    @property
    def debug(self) -> bool:
        """Verbose logging of services to the console."""
        document = self._config.get(V1Alpha1)
        return bool(document and document.debug)

    @property
    def token(self) -> str:
        """Machine (trustd) token."""
        return self._legacy.token

    @cached_property
    def ca(self) -> Authority:
        """Authority of the operating system's API; the key is present on control plane nodes only."""
        ca = self._legacy.ca
        return Authority(
            issuing=CertificateAndKey(ca.crt, ca.key) if ca and (ca.crt or ca.key) else None,
            accepted=tuple(c.crt for c in self._legacy.accepted_cas),
        )

    @property
    def cert_sans(self) -> tuple[str, ...]:
        """Further names and addresses in the API's server certificate."""
        return tuple(self._legacy.cert_sans)

    @cached_property
    def sysctls(self) -> dict[str, str]:
        """Kernel parameters under /proc/sys, dotted."""
        document = self._config.get(SysctlConfig)
        return {**self._legacy.sysctls, **(document.params if document else {})}

    @cached_property
    def sysfs(self) -> dict[str, str]:
        """Values to write under /sys, dotted."""
        document = self._config.get(SysfsConfig)
        return {**self._legacy.sysfs, **(document.params if document else {})}

    @cached_property
    def kernel_modules(self) -> tuple[KernelModule, ...]:
        """Modules to load, in order."""
        legacy = self._legacy.kernel.modules if self._legacy.kernel else []
        modules = [KernelModule(m.name, tuple(m.parameters)) for m in legacy]
        modules += [KernelModule(m.name, tuple(m.parameters)) for m in self._config.get_all(KernelModuleConfig)]
        return tuple(modules)

    @cached_property
    def env(self) -> dict[str, str]:
        """Environment variables of services (proxies mostly)."""
        document = self._config.get(EnvironmentConfig)
        return {**self._legacy.env, **(document.variables if document else {})}

    @property
    def files(self) -> tuple[MachineFile, ...]:
        """Legacy ``machine.files``."""
        return tuple(self._legacy.files)

    @property
    def log_destinations(self) -> tuple[LogDestination, ...]:
        """Where the logs of services are sent."""
        found = self._legacy.logging.destinations if self._legacy.logging else []
        return tuple(
            LogDestination(one.endpoint, tuple(sorted(one.extra_tags.items())), one.format)
            for one in found
            if one.endpoint
        )

    @property
    def kernel_log_destinations(self) -> tuple[str, ...]:
        """Where the kernel's log is sent: tcp:// and udp:// URLs."""
        return tuple(document.url for document in self._config.get_all(KmsgLogConfig))

    @property
    def watchdog(self) -> tuple[str, float] | None:
        """Device and timeout in seconds of what restarts a machine that stands still."""
        found = self._config.get(WatchdogTimerConfig)
        return None if found is None else (found.device, found.timeout.seconds or WatchdogTimerConfig.DEFAULT_S)

    @cached_property
    def udev_rules(self) -> tuple[str, ...]:
        """udev rules."""
        document = self._config.get(UdevRulesConfig)
        legacy = self._legacy.udev.rules if self._legacy.udev else []
        return tuple(legacy) + tuple(document.rules if document else ())

    @cached_property
    def seccomp_profiles(self) -> dict[str, dict[str, object]]:
        """Profile name -> seccomp profile (JSON)."""
        return {p.name: p.value for p in self._legacy.seccomp_profiles or ()}

    @cached_property
    def install(self) -> Install | None:
        """How to install to disk; None = no installation is asked for."""
        if document := self._config.get(UnattendedInstallConfig):
            return Install(
                image=document.installer.image,
                selector=document.provisioning.disk_selector.match,
                wipe=document.provisioning.wipe is not False,
                reboot=document.reboot is not False,
            )
        if legacy := self._legacy.install:
            return Install(
                image=legacy.image,
                disk=legacy.disk,
                fields=legacy.disk_selector,
                wipe=bool(legacy.wipe),
                extra_kernel_args=tuple(legacy.extra_kernel_args),
            )
        return None

    @cached_property
    def encryption(self) -> dict[str, Encryption]:
        """Volumes that are to be encrypted, by name. Keys without a provider ask for it as well: better encrypted by
        mistake than in clear."""
        found = {
            document.name: encryption_of(document.encryption)
            for document in self._config.get_all(VolumeConfig)
            if document.encryption.provider != "none" and (document.encryption.provider or document.encryption.keys)
        }
        if legacy := self._legacy.system_disk_encryption:
            for name, spec in (("STATE", legacy.state), ("EPHEMERAL", legacy.ephemeral)):
                if spec is not None and spec.provider != "none":
                    found.setdefault(name, encryption_of(spec))
        return found

    @cached_property
    def system_volumes(self) -> dict[str, SystemVolume]:
        """Place, size and mount options of the system's volumes, by name; without those that nothing is said of."""
        found = {
            document.name: SystemVolume(
                provisioning_of(document.provisioning),
                document.mount.secure is not False,
                bool(document.mount.disable_access_time),
                size_of(document.filesystem.xfs.min_allocation_group_size) if document.filesystem.xfs else 0,
            )
            for document in self._config.get_all(VolumeConfig)
        }
        return {name: volume for name, volume in found.items() if volume != SystemVolume()}

    @cached_property
    def volumes(self) -> tuple[UserVolume, ...]:
        """Volumes of the user's, by id."""
        from talos.config.view.user_volumes import user_volumes

        return user_volumes(self._config)

    @cached_property
    def trims(self) -> Trims:
        """How often file systems tell their disks what is free."""
        from talos.config.view.trims import trims

        return trims(self._config)

    @cached_property
    def talos_api_access(self) -> TalosAPIAccess:
        """Talos API from inside Kubernetes."""
        if document := self._config.get(KubeTalosAPIAccessConfig):
            return TalosAPIAccess(True, tuple(document.allowed_roles), tuple(document.allowed_kubernetes_namespaces))
        features = self._legacy.features
        access = features.kubernetes_talos_api_access if features else None
        if access is None:
            return TalosAPIAccess()
        return TalosAPIAccess(
            bool(access.enabled), tuple(access.allowed_roles), tuple(access.allowed_kubernetes_namespaces)
        )

    @property
    def base_runtime_spec(self) -> dict[str, object]:
        """What every container's OCI runtime specification is overridden with."""
        if document := self._config.get(CRIBaseRuntimeSpecConfig):
            return dict(document.overrides)
        return dict(self._legacy.base_runtime_spec_overrides)

    @property
    def image_cache(self) -> bool:
        """Whether images come from a cache on the node, where one is there."""
        from talos.config.cri.image_cache_config import ImageCacheConfig

        if document := self._config.get(ImageCacheConfig):
            return bool(document.local.enabled)
        features = self._legacy.features
        return bool(features and features.image_cache and features.image_cache.local_enabled)

    @property
    def has_image_cache_volume(self) -> bool:
        """Whether that cache is to have a volume of its own."""
        return self.image_cache and any(one.name == IMAGE_CACHE for one in self._config.get_all(VolumeConfig))

    @property
    def image_cache_volumes(self) -> tuple[UserVolume, ...]:
        """Volumes that such a cache is served from: its own, and a medium with an ISO of the system; wanted where they
        are there, the first also where it is asked for."""
        from talos.config.view.user_volumes import image_cache_volumes

        return image_cache_volumes(self._config) if self.image_cache else ()

    @property
    def disk_quota(self) -> bool:
        """Project quotas on EPHEMERAL."""
        return bool(self._legacy.features and self._legacy.features.disk_quota_support)

    @property
    def node_address_sort_algorithm(self) -> str:
        """v1 (default) or v2."""
        return (self._legacy.features.node_address_sort_algorithm if self._legacy.features else "") or "v1"

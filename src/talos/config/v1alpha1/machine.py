"""``machine.*`` of the v1alpha1 document."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from talos.config.document import Part
from talos.config.duration import Duration
from talos.config.forms import URL, Deprecated, FileMode, Kept, Known, Secret, Unstructured
from talos.config.v1alpha1.encryption import SystemDiskEncryptionConfig
from talos.config.v1alpha1.features import FeaturesConfig
from talos.config.v1alpha1.install import InstallConfig, MachineDisk
from talos.config.v1alpha1.kubelet import KubeletConfig
from talos.config.v1alpha1.network import NetworkConfig
from talos.config.v1alpha1.pem import PEMCertificate, PEMCertificateAndKey
from talos.config.v1alpha1.registries import RegistriesConfig


class MachineControllerManagerConfig(Part, kw_only=True):
    """``machine.controlPlane.controllerManager``."""

    disabled: bool | None = None


class MachineSchedulerConfig(Part, kw_only=True):
    """``machine.controlPlane.scheduler``."""

    disabled: bool | None = None


class MachineControlPlaneConfig(Part, kw_only=True):
    """``machine.controlPlane``."""

    controller_manager: MachineControllerManagerConfig | None = None
    scheduler: MachineSchedulerConfig | None = None


class MachineFile(Part, kw_only=True):
    """``machine.files``."""

    content: Kept[str] = ""
    permissions: Kept[FileMode] = 0
    path: Kept[str] = ""
    op: Kept[str] = ""


class TimeConfig(Part, kw_only=True):
    """``machine.time``."""

    disabled: bool | None = None
    servers: list[str] = field(default_factory=list)
    boot_timeout: Duration = Duration(0)


class UdevConfig(Part, kw_only=True):
    """``machine.udev``."""

    rules: list[str] = field(default_factory=list)


class LoggingDestination(Part, kw_only=True):
    """``machine.logging.destinations``."""

    endpoint: Kept[URL | None] = None
    format: Kept[Annotated[str, Known("json_lines")]] = ""
    extra_tags: dict[str, str] = field(default_factory=dict)


class LoggingConfig(Part, kw_only=True):
    """``machine.logging``."""

    destinations: Kept[list[LoggingDestination]] = field(default_factory=list)


class KernelModuleConfig(Part, kw_only=True):
    """``machine.kernel.modules``."""

    name: Kept[str] = ""
    parameters: list[str] = field(default_factory=list)


class KernelConfig(Part, kw_only=True):
    """``machine.kernel``."""

    modules: list[KernelModuleConfig] = field(default_factory=list)


class MachineSeccompProfile(Part, kw_only=True):
    """``machine.seccompProfiles``."""

    name: Kept[str] = ""
    value: Kept[Unstructured] = field(default_factory=dict)


class MachineConfig(Part, kw_only=True):
    """``machine``."""

    type: Kept[str] = ""
    token: Secret[Kept[str]] = ""
    ca: PEMCertificateAndKey | None = None
    accepted_cas: list[PEMCertificate] = field(default_factory=list, name="acceptedCAs")
    cert_sans: Kept[list[str]] = field(default_factory=list, name="certSANs")
    control_plane: Annotated[
        MachineControlPlaneConfig | None, Deprecated("KubeControllerManagerConfig and KubeSchedulerConfig")
    ] = None
    kubelet: Annotated[KubeletConfig | None, Deprecated("KubeletConfig")] = None
    pods: Annotated[list[Unstructured], Deprecated("KubeStaticPodConfig")] = field(default_factory=list)
    network: Annotated[
        NetworkConfig | None, Deprecated("HostnameConfig, LinkConfig, ResolverConfig and StaticHostConfig")
    ] = None
    disks: Annotated[list[MachineDisk], Deprecated("UserVolumeConfig")] = field(default_factory=list)
    install: Annotated[InstallConfig | None, Deprecated("UnattendedInstallConfig")] = None
    files: Annotated[list[MachineFile], Deprecated("EtcFileConfig or CRICustomizationConfig")] = field(
        default_factory=list
    )
    env: Annotated[dict[str, str], Deprecated("EnvironmentConfig")] = field(default_factory=dict)
    time: Annotated[TimeConfig | None, Deprecated("TimeSyncConfig")] = None
    sysctls: Annotated[dict[str, str], Deprecated("SysctlConfig")] = field(default_factory=dict)
    sysfs: Annotated[dict[str, str], Deprecated("SysfsConfig")] = field(default_factory=dict)
    registries: Annotated[
        RegistriesConfig, Deprecated("RegistryMirrorConfig, RegistryAuthConfig and RegistryTLSConfig")
    ] = field(default_factory=RegistriesConfig)
    system_disk_encryption: Annotated[SystemDiskEncryptionConfig | None, Deprecated("VolumeConfig")] = None
    features: FeaturesConfig | None = None
    udev: Annotated[UdevConfig | None, Deprecated("UdevRulesConfig")] = None
    logging: LoggingConfig | None = None
    kernel: Annotated[KernelConfig | None, Deprecated("KernelModuleConfig")] = None
    seccomp_profiles: list[MachineSeccompProfile] | None = None
    base_runtime_spec_overrides: Annotated[Unstructured, Deprecated("CRIBaseRuntimeSpecConfig")] = field(
        default_factory=dict
    )
    node_labels: Annotated[dict[str, str], Deprecated("KubeNodeConfig")] = field(default_factory=dict)
    node_annotations: Annotated[dict[str, str], Deprecated("KubeNodeConfig")] = field(default_factory=dict)
    node_taints: Annotated[dict[str, str], Deprecated("KubeNodeConfig")] = field(default_factory=dict)

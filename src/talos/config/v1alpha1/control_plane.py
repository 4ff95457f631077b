"""Kubernetes components under ``cluster`` of the v1alpha1 document."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from talos.config.document import Part
from talos.config.forms import ArgValue, Kept, Known, MergeBy, Replaced, Unstructured


class VolumeMountConfig(Part, kw_only=True):
    """``cluster.apiServer.extraVolumes``."""

    host_path: Kept[str] = ""
    mount_path: Kept[str] = ""
    readonly: bool = False


class AdmissionPluginConfig(Part, kw_only=True):
    """``cluster.apiServer.admissionControl``."""

    name: Kept[str] = ""
    configuration: Kept[Unstructured] = field(default_factory=dict)


class ResourcesConfig(Part, kw_only=True):
    """``cluster.apiServer.resources``."""

    requests: Unstructured = field(default_factory=dict)
    limits: Unstructured = field(default_factory=dict)


class AuthorizationConfigAuthorizerConfig(Part, kw_only=True):
    """``cluster.apiServer.authorizationConfig``."""

    type: Kept[str] = ""
    name: Kept[str] = ""
    webhook: Unstructured = field(default_factory=dict)


class APIServerConfig(Part, kw_only=True):
    """``cluster.apiServer``."""

    image: str = ""
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    extra_volumes: list[VolumeMountConfig] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    cert_sans: list[str] = field(default_factory=list, name="certSANs")
    disable_pod_security_policy: bool | None = None
    admission_control: Annotated[list[AdmissionPluginConfig], MergeBy("name")] = field(default_factory=list)
    audit_policy: Replaced[Unstructured] = field(default_factory=dict)
    resources: ResourcesConfig | None = None
    authorization_config: Annotated[list[AuthorizationConfigAuthorizerConfig], MergeBy("type", "name")] = field(
        default_factory=list
    )


class ControllerManagerConfig(Part, kw_only=True):
    """``cluster.controllerManager``."""

    image: str = ""
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    extra_volumes: list[VolumeMountConfig] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    resources: ResourcesConfig | None = None


class ProxyConfig(Part, kw_only=True):
    """``cluster.proxy``."""

    disabled: bool | None = None
    image: str = ""
    mode: Annotated[str, Known("nftables", "iptables", "ipvs")] = ""
    extra_args: dict[str, ArgValue] = field(default_factory=dict)


class SchedulerConfig(Part, kw_only=True):
    """``cluster.scheduler``."""

    image: str = ""
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    extra_volumes: list[VolumeMountConfig] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    resources: ResourcesConfig | None = None
    config: Unstructured = field(default_factory=dict)


class CoreDNS(Part, kw_only=True):
    """``cluster.coreDNS``."""

    disabled: bool | None = None
    image: str = ""

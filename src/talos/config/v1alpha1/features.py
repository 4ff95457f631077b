"""``machine.features`` of the v1alpha1 document."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from talos.config.document import Part
from talos.config.forms import Deprecated


class KubernetesTalosAPIAccessConfig(Part, kw_only=True):
    """``machine.features.kubernetesTalosAPIAccess``."""

    enabled: bool | None = None
    allowed_roles: list[str] = field(default_factory=list)
    allowed_kubernetes_namespaces: list[str] = field(default_factory=list)


class KubePrism(Part, kw_only=True):
    """``machine.features.kubePrism``."""

    enabled: bool | None = None
    port: int = 0


class HostDNSConfig(Part, kw_only=True):
    """``machine.features.hostDNS``."""

    enabled: bool | None = None
    forward_kube_dns_to_host: bool | None = field(default=None, name="forwardKubeDNSToHost")
    resolve_member_names: bool | None = None


class ImageCacheConfig(Part, kw_only=True):
    """``machine.features.imageCache``."""

    local_enabled: bool | None = None


class FeaturesConfig(Part, kw_only=True):
    """``machine.features``."""

    rbac: Annotated[bool | None, Deprecated()] = None
    stable_hostname: Annotated[bool | None, Deprecated("HostnameConfig")] = None
    kubernetes_talos_api_access: Annotated[
        KubernetesTalosAPIAccessConfig | None, Deprecated("KubeTalosAPIAccessConfig")
    ] = field(default=None, name="kubernetesTalosAPIAccess")
    apid_check_ext_key_usage: Annotated[bool | None, Deprecated()] = None
    disk_quota_support: bool | None = None
    kube_prism: Annotated[KubePrism | None, Deprecated("KubePrismConfig")] = None
    host_dns: Annotated[HostDNSConfig | None, Deprecated("ResolverConfig")] = field(default=None, name="hostDNS")
    image_cache: Annotated[ImageCacheConfig | None, Deprecated("ImageCacheConfig")] = None
    node_address_sort_algorithm: str = ""

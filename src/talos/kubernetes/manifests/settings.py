"""What the bootstrap manifests depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field


class ContainerResources(Struct, frozen=True):
    """Requests and limits as written; empty values mean the default of the manifest."""

    requests: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)

    def render(self, **default_requests: str) -> dict[str, Any]:
        """The ``resources`` of a container."""
        requests = {**default_requests, **{k: str(v) for k, v in self.requests.items() if v not in ("", None)}}
        limits = {k: str(v) for k, v in self.limits.items() if v not in ("", None)}
        return {"requests": requests, **({"limits": limits} if limits else {})}


class Proxy(Struct, frozen=True):
    """kube-proxy; ``config`` is a whole KubeProxyConfiguration, ``checksum`` the hex SHA-256 of its YAML."""

    image: str
    args: Sequence[str]
    config: Mapping[str, Any]
    checksum: str
    resources: ContainerResources = ContainerResources()


class Flannel(Struct, frozen=True):
    """flannel; ``service_host`` is where it reaches the API server before Services work (empty: as injected)."""

    image: str
    service_host: str = ""
    service_port: str = ""
    backend_type: str = "vxlan"
    backend_port: int = 4789
    backend_mtu: int = 0
    backend_extra: Mapping[str, Any] = field(default_factory=dict)
    extra_args: Sequence[str] = ()
    resources: ContainerResources = ContainerResources()
    network_policies_image: str = ""


class CoreDNS(Struct, frozen=True):
    """CoreDNS and the addresses of its Service (IPv4 first as configured)."""

    image: str
    service_ips: Sequence[str]


class Settings(Struct, frozen=True):
    """Everything; a part that is None is not rendered."""

    server: str
    cluster_domain: str
    pod_cidrs: Sequence[str]
    token_id: str
    token_secret: str
    proxy: Proxy | None = None
    flannel: Flannel | None = None
    core_dns: CoreDNS | None = None
    talos_api_service: bool = False

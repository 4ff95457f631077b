"""BootstrapManifestsConfig: resource type BootstrapManifestsConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

import msgspec

from talos.resources.k8s.resources import Resources
from talos.state.spec import Spec, resource


@resource(
    type="BootstrapManifestsConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="BootstrapManifestsConfig",
    aliases=("bootstrapmanifestsconfig", "bmc", "bmcs"),
    all_aliases=(
        "bootstrapmanifestsconfigs",
        "bootstrapmanifestsconfigs.kubernetes",
        "bootstrapmanifestsconfigs.kubernetes.talos",
    ),
    proto="talos.resource.definitions.k8s.BootstrapManifestsConfigSpec",
)
class BootstrapManifestsConfigSpec(Spec):
    """Spec of BootstrapManifestsConfigs.kubernetes.talos.dev."""

    server: str = msgspec.field(default="", name="string")
    cluster_domain: str = ""
    pod_cidrs: list[str] = msgspec.field(default_factory=list, name="podCIDRs")
    proxy_enabled: bool = False
    proxy_image: str = ""
    proxy_args: list[str] = []
    proxy_config: dict[str, Any] = {}
    proxy_config_checksum: str = ""
    proxy_resources: Resources = msgspec.field(default_factory=Resources)
    core_dns_enabled: bool = msgspec.field(default=False, name="coreDNSEnabled")
    core_dns_image: str = msgspec.field(default="", name="coreDNSImage")
    dns_service_ip: str = msgspec.field(default="", name="dnsServiceIP")
    dns_service_ipv6: str = msgspec.field(default="", name="dnsServiceIPv6")
    flannel_enabled: bool = False
    flannel_image: str = ""
    flannel_extra_args: list[str] = []
    flannel_kube_service_host: str = ""
    flannel_kube_service_port: str = ""
    flannel_kube_network_policies_enabled: bool = False
    flannel_kube_network_policies_image: str = ""
    flannel_backend_type: str = ""
    flannel_backend_port: int = 0
    flannel_backend_mtu: int = msgspec.field(default=0, name="flannelBackendMTU")
    flannel_backend_extra_config: dict[str, Any] = {}
    flannel_resources: Resources = msgspec.field(default_factory=Resources)
    pod_security_policy_enabled: bool = False
    talos_api_service_enabled: bool = msgspec.field(default=False, name="talosAPIServiceEnabled")
    cni_name: str = ""

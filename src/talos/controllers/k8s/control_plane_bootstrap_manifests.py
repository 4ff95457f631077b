"""What the bootstrap manifests depend on, from the configuration."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address
from typing import Any

from talos.config import Config, images
from talos.config.node_owned import FLAGS
from talos.config.view.model import Proxy
from talos.controllers.k8s.control_plane_config import resources
from talos.controllers.secrets.root_kubernetes import local_endpoint
from talos.controllers.transform import ConfigTransform
from talos.kubernetes.arguments import merge, render
from talos.kubernetes.kubeconfig import dump
from talos.resources.k8s import BootstrapManifestsConfigSpec, Resources
from talos.state import Output

NETWORK_POLICIES_IMAGE = "registry.k8s.io/networking/kube-network-policies:v1.1.1"
CONFIG_FILE = "/var/lib/kube-proxy/config.conf"
KUBECONFIG = "/etc/kubernetes/kubeconfig"


class ControlPlaneBootstrapManifestsController(ConfigTransform):
    """MachineConfig -> BootstrapManifestsConfig "manifests"."""

    name = "k8s.ControlPlaneBootstrapManifestsController"
    outputs = (Output(BootstrapManifestsConfigSpec),)
    kind = BootstrapManifestsConfigSpec
    id = "manifests"

    def render(self, config: Config) -> BootstrapManifestsConfigSpec | None:
        if not config.machine.is_control_plane or config.kubernetes.api_server is None:
            return None
        return bootstrap_manifests_config(config)


def bootstrap_manifests_config(config: Config) -> BootstrapManifestsConfigSpec:
    """Settings of join, kube-proxy, flannel and CoreDNS."""
    cluster, kubernetes = config.cluster, config.kubernetes
    spec = BootstrapManifestsConfigSpec(
        server=local_endpoint(config),
        cluster_domain=cluster.dns_domain,
        pod_cidrs=list(cluster.pod_cidrs),
        talos_api_service_enabled=config.machine.talos_api_access.enabled,
        cni_name=cluster.cni.name,
        flannel_kube_network_policies_image=NETWORK_POLICIES_IMAGE,
        proxy_resources=Resources(requests={"cpu": "", "memory": ""}),
        flannel_resources=Resources(requests={"cpu": "", "memory": ""}),
    )
    if (proxy := kubernetes.proxy) is not None and proxy.enabled:
        file = proxy_config(proxy, cluster.pod_cidrs)
        spec.proxy_enabled = True
        spec.proxy_image = proxy.image
        spec.proxy_args = proxy_arguments(proxy)
        spec.proxy_config = file
        spec.proxy_config_checksum = hashlib.sha256(dump(file).encode()).hexdigest()
        spec.proxy_resources = resources(proxy.resources)
    if (flannel := cluster.cni.flannel) is not None:
        spec.flannel_enabled = True
        spec.flannel_image = images.FLANNEL
        spec.flannel_extra_args = list(flannel.extra_args)
        spec.flannel_kube_network_policies_enabled = flannel.kube_network_policies
        spec.flannel_backend_type = flannel.backend_type
        spec.flannel_backend_port = flannel.backend_port
        spec.flannel_backend_mtu = flannel.backend_mtu
        spec.flannel_backend_extra_config = flannel.backend_extra_config
        spec.flannel_resources = resources(flannel.resources)
        if cluster.kube_prism.enabled:
            spec.flannel_kube_service_host = "127.0.0.1"
            spec.flannel_kube_service_port = str(cluster.kube_prism.port)
    if (dns := kubernetes.core_dns) is not None and dns.enabled:
        spec.core_dns_enabled = True
        spec.core_dns_image = dns.image
        for address in cluster.dns_service_ips:
            if ip_address(address).version == 6:
                spec.dns_service_ipv6 = address
            else:
                spec.dns_service_ip = address
    return spec


def proxy_config(proxy: Proxy, pod_cidrs: tuple[str, ...]) -> dict[str, Any]:
    """KubeProxyConfiguration: defaults, with what the user wrote on top.

    ``maxPerCore: 0`` leaves the connection tracking limit alone: on a machine it is the system's to set, in a container
    it belongs to the host.
    """
    defaults: dict[str, Any] = {
        "mode": proxy.mode,
        "clusterCIDR": ",".join(pod_cidrs),
        "clientConnection": {"kubeconfig": KUBECONFIG},
        "conntrack": {"maxPerCore": 0},
    }
    merged = {**defaults, **proxy.config}
    for key in ("clientConnection", "conntrack"):
        merged[key] = {**defaults[key], **(proxy.config.get(key) or {})}
    merged["clientConnection"]["kubeconfig"] = KUBECONFIG
    return {**merged, "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration"}


def proxy_arguments(proxy: Proxy) -> list[str]:
    """Arguments without the program. With a configuration file kube-proxy ignores most flags, so the older layout,
    which has flags, gets them there too."""
    defaults = {"config": CONFIG_FILE, "hostname-override": "$(NODE_NAME)"}
    return render(merge("kube-proxy", defaults, proxy.extra_args, denied=FLAGS["kube-proxy"]))

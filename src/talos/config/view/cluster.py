"""The cluster: identity, subnets, CNI, members, manifests, etcd."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from talos.config import images
from talos.config.cluster.discovery_identity_config import DiscoveryIdentityConfig
from talos.config.cluster.discovery_service_config import DiscoveryServiceConfig
from talos.config.k8s.kube_cluster_config import KubeClusterConfig
from talos.config.k8s.kube_external_manifest_config import KubeExternalManifestConfig
from talos.config.k8s.kube_flannel_cni_config import KubeFlannelCNIConfig
from talos.config.k8s.kube_inline_manifest_config import KubeInlineManifestConfig
from talos.config.k8s.kube_network_config import KubeNetworkConfig
from talos.config.k8s.kube_prism_config import KubePrismConfig
from talos.config.v1alpha1.cluster import ClusterConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.view.model import (
    CNI,
    CertificateAndKey,
    Discovery,
    DiscoveryService,
    Etcd,
    ExternalManifest,
    Flannel,
    InlineManifest,
    KubePrism,
    Resources,
)

if TYPE_CHECKING:
    from talos.config.config import Config

DEFAULT_DISCOVERY_ENDPOINT = "https://discovery.talos.dev/"
ADMIN_CERT_LIFETIME_S = 8760 * 3600.0


class ClusterView:
    """``cfg.cluster``."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def _section(self) -> ClusterConfig:
        document = self._config.get(V1Alpha1)
        return (document.cluster if document else None) or ClusterConfig()

    @cached_property
    def legacy(self) -> bool:
        """Whether cluster settings stand in the v1alpha1 document (layout before v1.14)."""
        return self._section.control_plane is not None and self._config.get(KubeClusterConfig) is None

    @cached_property
    def name(self) -> str:
        """Cluster name."""
        document = self._config.get(KubeClusterConfig)
        return document.cluster_name if document else self._section.cluster_name

    @cached_property
    def endpoint(self) -> str:
        """URL of the Kubernetes API that everybody uses, without trailing slash; empty when not configured."""
        if document := self._config.get(KubeClusterConfig):
            return document.endpoint.rstrip("/")
        control_plane = self._section.control_plane
        return (control_plane.endpoint or "").rstrip("/") if control_plane else ""

    @property
    def endpoint_host(self) -> str:
        """Host part of the endpoint, without brackets."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def endpoint_port(self) -> int:
        """Port of the endpoint (443 when the URL has none)."""
        return urlsplit(self.endpoint).port or 443

    @cached_property
    def id(self) -> str:
        """Cluster id (base64 of 32 bytes)."""
        document = self._config.get(DiscoveryIdentityConfig)
        return document.cluster_id if document else self._section.id

    @cached_property
    def secret(self) -> str:
        """Shared secret of the discovery service (base64 of 32 bytes)."""
        document = self._config.get(DiscoveryIdentityConfig)
        return document.cluster_secret if document else self._section.secret

    @property
    def bootstrap_token(self) -> str:
        """Kubernetes TLS bootstrap token, ``id.secret``."""
        return self._section.token

    @property
    def bootstrap_token_id(self) -> str:
        """First half of the bootstrap token."""
        return self._section.token.partition(".")[0]

    @property
    def bootstrap_token_secret(self) -> str:
        """Second half of the bootstrap token."""
        return self._section.token.partition(".")[2]

    @cached_property
    def dns_domain(self) -> str:
        """DNS domain of Services."""
        document = self._config.get(KubeNetworkConfig)
        legacy = self._section.network
        return (document.dns_domain if document else legacy.dns_domain if legacy else "") or "cluster.local"

    @cached_property
    def pod_cidrs(self) -> tuple[str, ...]:
        """Pod subnets, at most one of each address family."""
        document = self._config.get(KubeNetworkConfig)
        legacy = self._section.network
        subnets = document.pod_subnets if document else legacy.pod_subnets if legacy else []
        return tuple(subnets) or ("10.244.0.0/16",)

    @cached_property
    def service_cidrs(self) -> tuple[str, ...]:
        """Service subnets, at most one of each address family."""
        document = self._config.get(KubeNetworkConfig)
        legacy = self._section.network
        subnets = document.service_subnets if document else legacy.service_subnets if legacy else []
        return tuple(subnets) or ("10.96.0.0/12",)

    @property
    def node_cidr_mask_size_ipv4(self) -> int:
        """Prefix length of a node's IPv4 pod subnet."""
        document = self._config.get(KubeNetworkConfig)
        return (document.node_cidr_mask_size_ipv4 if document else 0) or 24

    @property
    def node_cidr_mask_size_ipv6(self) -> int:
        """Prefix length of a node's IPv6 pod subnet."""
        document = self._config.get(KubeNetworkConfig)
        return (document.node_cidr_mask_size_ipv6 if document else 0) or 64

    @cached_property
    def dns_service_ips(self) -> tuple[str, ...]:
        """Cluster DNS addresses: the tenth address of each service subnet."""
        from ipaddress import ip_network

        return tuple(str(ip_network(c, strict=False).network_address + 10) for c in self.service_cidrs)

    @cached_property
    def api_server_service_ips(self) -> tuple[str, ...]:
        """Addresses of the ``kubernetes`` Service: the first address of each service subnet."""
        from ipaddress import ip_network

        return tuple(str(ip_network(c, strict=False).network_address + 1) for c in self.service_cidrs)

    @cached_property
    def cni(self) -> CNI:
        """Container network; ``none`` in the new layout when there is no flannel document."""
        if document := self._config.get(KubeFlannelCNIConfig):
            return CNI(
                "flannel",
                flannel=Flannel(
                    backend_type=document.backend_type or "vxlan",
                    backend_port=document.backend_port or 4789,
                    backend_mtu=document.backend_mtu,
                    backend_extra_config=document.backend_extra_config,
                    resources=Resources(document.resources.requests, document.resources.limits),
                    extra_args=tuple(document.extra_args),
                    kube_network_policies=bool(document.kube_network_policies_enabled),
                ),
            )
        if not self.legacy:
            return CNI("none")
        legacy = self._section.network.cni if self._section.network else None
        name = (legacy.name if legacy else "") or "flannel"
        if name != "flannel":
            return CNI(name, tuple(legacy.urls) if legacy else ())
        flannel = legacy.flannel if legacy else None
        return CNI(
            "flannel",
            flannel=Flannel(
                extra_args=tuple(flannel.extra_args) if flannel else (),
                kube_network_policies=bool(flannel and flannel.kube_network_policies_enabled),
            ),
        )

    @cached_property
    def discovery(self) -> Discovery:
        """Registries of cluster members. Without a service document only what the node itself knows is used."""
        if services := self._config.get_all(DiscoveryServiceConfig):
            return Discovery(True, False, tuple(DiscoveryService(s.name, s.endpoint) for s in services))
        legacy = self._section.discovery
        if legacy is None:
            return Discovery()
        service = legacy.registries.service
        return Discovery(
            enabled=bool(legacy.enabled),
            kubernetes_registry=not legacy.registries.kubernetes.disabled,
            services=()
            if service.disabled
            else (DiscoveryService("default", service.endpoint or DEFAULT_DISCOVERY_ENDPOINT),),
        )

    @cached_property
    def kube_prism(self) -> KubePrism:
        """Local API server load balancer."""
        if document := self._config.get(KubePrismConfig):
            return KubePrism(True, document.port or 7445, document.tls_server_name)
        machine = self._config.get(V1Alpha1)
        features = machine.machine.features if machine and machine.machine else None
        legacy = features.kube_prism if features else None
        if legacy is None:
            return KubePrism(False)
        return KubePrism(bool(legacy.enabled), legacy.port or 7445)

    @cached_property
    def inline_manifests(self) -> tuple[InlineManifest, ...]:
        """Manifests given as text, in order."""
        legacy = [InlineManifest(m.name, m.contents) for m in self._section.inline_manifests or ()]
        documents = [InlineManifest(m.name, m.manifest) for m in self._config.get_all(KubeInlineManifestConfig)]
        return tuple(legacy + documents)

    @cached_property
    def external_manifests(self) -> tuple[ExternalManifest, ...]:
        """Manifests given by URL, in order: CNI, cloud provider, extra."""
        headers = self._section.extra_manifest_headers
        provider = self._section.external_cloud_provider
        urls = list(self.cni.urls) if self.cni.name == "custom" else []
        urls += provider.manifests if provider and provider.enabled else []
        urls += self._section.extra_manifests or []
        documents = self._config.get_all(KubeExternalManifestConfig)
        return tuple(
            [ExternalManifest(u, u, headers) for u in urls]
            + [ExternalManifest(d.name, d.url, d.headers) for d in documents]
        )

    @property
    def external_cloud_provider(self) -> bool:
        """Whether kubelet and controller manager leave node initialization to an external cloud provider."""
        provider = self._section.external_cloud_provider
        return bool(provider and provider.enabled)

    @property
    def allow_scheduling_on_control_planes(self) -> bool:
        """Legacy switch; the new layout says it by taints."""
        return bool(self._section.allow_scheduling_on_control_planes or self._section.allow_scheduling_on_masters)

    @property
    def admin_kubeconfig_lifetime_s(self) -> float:
        """Lifetime of the admin kubeconfig's certificate in seconds."""
        admin = self._section.admin_kubeconfig
        return admin.cert_lifetime.seconds if admin and admin.cert_lifetime else ADMIN_CERT_LIFETIME_S

    @cached_property
    def etcd(self) -> Etcd:
        """etcd member settings; meaningful on control plane nodes."""
        etcd = self._section.etcd
        if etcd is None:
            return Etcd(image=images.ETCD)
        subnets = tuple(etcd.advertised_subnets) or ((etcd.subnet,) if etcd.subnet else ())
        return Etcd(
            image=etcd.image or images.ETCD,
            ca=CertificateAndKey(etcd.ca.crt, etcd.ca.key) if etcd.ca else None,
            extra_args=etcd.extra_args,
            advertised_subnets=subnets,
            # Subnets that are advertised are listened on, unless said otherwise.
            listen_subnets=tuple(etcd.listen_subnets) or subnets,
        )

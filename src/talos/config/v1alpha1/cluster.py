"""``cluster.*`` of the v1alpha1 document."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from talos.config.document import Part
from talos.config.duration import Duration
from talos.config.forms import URL, ArgValue, Deprecated, Kept, MergeBy, Replaced, Secret
from talos.config.v1alpha1.control_plane import (
    APIServerConfig,
    ControllerManagerConfig,
    CoreDNS,
    ProxyConfig,
    SchedulerConfig,
)
from talos.config.v1alpha1.pem import PEMCertificate, PEMCertificateAndKey, PEMKey


class ControlPlaneConfig(Part, kw_only=True):
    """``cluster.controlPlane``."""

    endpoint: Kept[URL | None] = None
    local_api_server_port: int = field(default=0, name="localAPIServerPort")


class FlannelCNIConfig(Part, kw_only=True):
    """``cluster.network.cni.flannel``."""

    extra_args: list[str] = field(default_factory=list)
    kube_network_policies_enabled: bool | None = None


class CNIConfig(Part, kw_only=True):
    """``cluster.network.cni``."""

    name: str = ""
    urls: list[str] = field(default_factory=list)
    flannel: FlannelCNIConfig | None = None


class ClusterNetworkConfig(Part, kw_only=True):
    """``cluster.network``."""

    cni: CNIConfig | None = None
    dns_domain: Kept[str] = ""
    pod_subnets: Kept[Replaced[list[str]]] = field(default_factory=list)
    service_subnets: Kept[Replaced[list[str]]] = field(default_factory=list)


class RegistryKubernetesConfig(Part, kw_only=True):
    """``cluster.discovery.registries.kubernetes``."""

    disabled: bool | None = None


class RegistryServiceConfig(Part, kw_only=True):
    """``cluster.discovery.registries.service``."""

    disabled: bool | None = None
    endpoint: str = ""


class DiscoveryRegistriesConfig(Part, kw_only=True):
    """``cluster.discovery.registries``."""

    kubernetes: Kept[RegistryKubernetesConfig] = field(default_factory=RegistryKubernetesConfig)
    service: Kept[RegistryServiceConfig] = field(default_factory=RegistryServiceConfig)


class ClusterDiscoveryConfig(Part, kw_only=True):
    """``cluster.discovery``."""

    enabled: bool | None = None
    registries: Kept[DiscoveryRegistriesConfig] = field(default_factory=DiscoveryRegistriesConfig)


class EtcdConfig(Part, kw_only=True):
    """``cluster.etcd``."""

    image: str = ""
    ca: Kept[PEMCertificateAndKey | None] = None
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    subnet: Annotated[str, Deprecated("cluster.etcd.advertisedSubnets")] = ""
    advertised_subnets: list[str] = field(default_factory=list)
    listen_subnets: list[str] = field(default_factory=list)


class ExternalCloudProviderConfig(Part, kw_only=True):
    """``cluster.externalCloudProvider``."""

    enabled: bool | None = None
    manifests: list[str] = field(default_factory=list)


class ClusterInlineManifest(Part, kw_only=True):
    """``cluster.inlineManifests``."""

    name: Kept[str] = ""
    contents: Kept[str] = ""


class AdminKubeconfigConfig(Part, kw_only=True):
    """``cluster.adminKubeconfig``."""

    cert_lifetime: Duration = Duration(0)


class ClusterConfig(Part, kw_only=True):
    """``cluster``."""

    id: Annotated[str, Deprecated("DiscoveryIdentityConfig")] = ""
    secret: Annotated[Secret[str], Deprecated("DiscoveryIdentityConfig")] = ""
    control_plane: Annotated[ControlPlaneConfig | None, Deprecated("KubeClusterConfig")] = None
    cluster_name: Annotated[str, Deprecated("KubeClusterConfig")] = ""
    network: Annotated[ClusterNetworkConfig | None, Deprecated("KubeNetworkConfig and KubeFlannelCNIConfig")] = None
    token: Secret[str] = ""
    aescbc_encryption_secret: Annotated[Secret[str], Deprecated("KubeEtcdEncryptionConfig")] = ""
    secretbox_encryption_secret: Annotated[Secret[str], Deprecated("KubeEtcdEncryptionConfig")] = ""
    ca: Annotated[PEMCertificateAndKey | None, Deprecated("KubeAPIServerCAConfig")] = None
    accepted_cas: Annotated[list[PEMCertificate], Deprecated("KubeAPIServerCAConfig")] = field(
        default_factory=list, name="acceptedCAs"
    )
    aggregator_ca: Annotated[PEMCertificateAndKey | None, Deprecated("KubeAggregatorCAConfig")] = field(
        default=None, name="aggregatorCA"
    )
    service_account: Annotated[PEMKey | None, Deprecated("KubeServiceAccountConfig")] = None
    api_server: Annotated[APIServerConfig | None, Deprecated("KubeAPIServerConfig")] = None
    controller_manager: Annotated[ControllerManagerConfig | None, Deprecated("KubeControllerManagerConfig")] = None
    proxy: Annotated[ProxyConfig | None, Deprecated("KubeProxyConfig")] = None
    scheduler: Annotated[SchedulerConfig | None, Deprecated("KubeSchedulerConfig")] = None
    discovery: Annotated[ClusterDiscoveryConfig | None, Deprecated("DiscoveryServiceConfig")] = None
    etcd: EtcdConfig | None = None
    core_dns: Annotated[CoreDNS | None, Deprecated("KubeCoreDNSConfig")] = field(default=None, name="coreDNS")
    external_cloud_provider: ExternalCloudProviderConfig | None = None
    extra_manifests: Annotated[list[str] | None, Deprecated("KubeExternalManifestConfig")] = None
    extra_manifest_headers: Annotated[dict[str, str], Deprecated("KubeExternalManifestConfig")] = field(
        default_factory=dict
    )
    inline_manifests: Annotated[
        Annotated[list[ClusterInlineManifest] | None, MergeBy("name")], Deprecated("KubeInlineManifestConfig")
    ] = None
    admin_kubeconfig: AdminKubeconfigConfig | None = None
    allow_scheduling_on_masters: Annotated[bool | None, Deprecated("KubeNodeConfig")] = None
    allow_scheduling_on_control_planes: Annotated[bool | None, Deprecated("KubeNodeConfig")] = None

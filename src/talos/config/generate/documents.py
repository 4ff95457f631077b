"""The layout since v1.14: a short v1alpha1 document, and one document for each setting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from talos.config import images
from talos.config.block.filesystem_trim_config import FilesystemTrimConfig
from talos.config.block.volume_config import MountSpec, VolumeConfig
from talos.config.certificate_and_key import CertificateAndKey
from talos.config.cluster.discovery_identity_config import DiscoveryIdentityConfig
from talos.config.cluster.discovery_service_config import DiscoveryServiceConfig
from talos.config.cri.registry_mirror_config import RegistryEndpoint, RegistryMirrorConfig
from talos.config.document import Document
from talos.config.duration import Duration
from talos.config.generate import defaults
from talos.config.k8s.kube_admission_control_config import KubeAdmissionControlConfig
from talos.config.k8s.kube_aggregator_ca_config import KubeAggregatorCAConfig
from talos.config.k8s.kube_api_server_ca_config import KubeAPIServerCAConfig
from talos.config.k8s.kube_api_server_config import KubeAPIServerConfig
from talos.config.k8s.kube_audit_policy_config import KubeAuditPolicyConfig
from talos.config.k8s.kube_authentication_config import KubeAuthenticationConfig
from talos.config.k8s.kube_authorizer_config import KubeAuthorizerConfig
from talos.config.k8s.kube_cluster_config import KubeClusterConfig
from talos.config.k8s.kube_controller_manager_config import KubeControllerManagerConfig
from talos.config.k8s.kube_core_dns_config import KubeCoreDNSConfig
from talos.config.k8s.kube_etcd_encryption_config import KubeEtcdEncryptionConfig
from talos.config.k8s.kube_flannel_cni_config import KubeFlannelCNIConfig
from talos.config.k8s.kube_network_config import KubeNetworkConfig
from talos.config.k8s.kube_node_config import KubeNodeConfig
from talos.config.k8s.kube_prism_config import KubePrismConfig
from talos.config.k8s.kube_proxy_config import KubeProxyConfig
from talos.config.k8s.kube_scheduler_config import KubeSchedulerConfig
from talos.config.k8s.kube_service_account_config import IssuerServiceAccountConfig, KubeServiceAccountConfig
from talos.config.k8s.kubelet_config import KubeletConfig
from talos.config.network.hostname_config import HostnameConfig
from talos.config.network.kube_span_config import KubeSpanConfig
from talos.config.network.resolver_config import HostDNSConfig, ResolverConfig
from talos.config.runtime.security_profile_config import SecurityProfileConfig
from talos.config.runtime.unattended_install_config import (
    DiskSelectorSpec,
    InstallerSpec,
    ProvisioningSpec,
    UnattendedInstallConfig,
)
from talos.config.v1alpha1.cluster import ClusterConfig, EtcdConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.v1alpha1.features import FeaturesConfig
from talos.config.v1alpha1.machine import MachineConfig
from talos.config.v1alpha1.pem import PEMCertificateAndKey
from talos.config.view.cluster import DEFAULT_DISCOVERY_ENDPOINT
from talos.config.view.model import MachineType
from talos.pki.certificates import Pair

if TYPE_CHECKING:
    from talos.config.generate.input import Input


def documents(given: Input, machine_type: MachineType) -> Iterator[Document]:
    """Documents of a machine, in the order in which they are written."""
    control_plane = machine_type is MachineType.CONTROL_PLANE
    yield _v1alpha1(given, machine_type)
    yield from _machine(given)
    if given.kubernetes:
        yield from _node(given, control_plane)
        if control_plane:
            yield from _control_plane(given)
    elif not control_plane:
        # A worker has its certificate signed at the address of the endpoint; Kubernetes is only one of its uses.
        yield KubeClusterConfig(cluster_name=given.cluster_name, endpoint=given.endpoint)


def _v1alpha1(given: Input, machine_type: MachineType) -> V1Alpha1:
    bundle = given.secrets
    control_plane = machine_type is MachineType.CONTROL_PLANE
    etcd_ca = bundle.certs.etcd
    return V1Alpha1(
        version="v1alpha1",
        debug=False,
        persist=True,
        machine=MachineConfig(
            type=machine_type.value,
            token=bundle.trustdinfo.token,
            ca=PEMCertificateAndKey(crt=bundle.certs.os.crt, key=bundle.certs.os.key if control_plane else b""),
            cert_sans=list(given.additional_sans),
            features=FeaturesConfig(disk_quota_support=True),
        ),
        cluster=ClusterConfig(
            token=bundle.secrets.bootstraptoken,
            etcd=EtcdConfig(ca=PEMCertificateAndKey(crt=etcd_ca.crt, key=etcd_ca.key)) if control_plane else None,
        )
        if given.kubernetes
        else ClusterConfig(),
    )


def _machine(given: Input) -> Iterator[Document]:
    if given.cluster_discovery:
        yield DiscoveryServiceConfig(name="default", endpoint=DEFAULT_DISCOVERY_ENDPOINT)
    identity = given.secrets.cluster
    yield DiscoveryIdentityConfig(cluster_id=identity.id, cluster_secret=identity.secret)
    if given.install_disk:
        yield UnattendedInstallConfig(
            installer=InstallerSpec(image=given.install_image),
            provisioning=ProvisioningSpec(
                disk_selector=DiskSelectorSpec(match=f'disk.dev_path == "{given.install_disk}"'), wipe=False
            ),
        )
    yield ResolverConfig(host_dns=HostDNSConfig(enabled=True, forward_kube_dns_to_host=True))
    yield VolumeConfig(name="EPHEMERAL", mount=MountSpec(secure=True))
    yield FilesystemTrimConfig(interval=Duration.of(hours=168))
    yield SecurityProfileConfig(workload_isolation=True)
    for mirror in given.registry_mirrors:
        yield RegistryMirrorConfig(name=mirror.registry, endpoints=[RegistryEndpoint(url=e) for e in mirror.endpoints])
    yield HostnameConfig(auto="stable")
    if given.kubespan:
        yield KubeSpanConfig(enabled=True)


def _node(given: Input, control_plane: bool) -> Iterator[Document]:
    yield KubeClusterConfig(cluster_name=given.cluster_name, endpoint=given.endpoint)
    yield KubeNodeConfig(
        labels=dict(defaults.CONTROL_PLANE_LABELS) if control_plane else {},
        taints=dict(defaults.CONTROL_PLANE_TAINTS) if control_plane else {},
    )
    yield KubeletConfig(
        image=images.kubernetes(images.KUBELET, given.kubernetes_version), default_runtime_seccomp_profile_enabled=True
    )
    yield KubeNetworkConfig(
        dns_domain=given.dns_domain,
        pod_subnets=list(given.pod_subnets),
        service_subnets=list(given.service_subnets),
    )
    ca = given.secrets.certs.k8s
    if control_plane:
        yield KubeAPIServerCAConfig(issuing_ca=_issuing(ca.pair))
    else:
        yield KubeAPIServerCAConfig(accepted_cas=[ca.crt.decode()])
    yield KubePrismConfig(port=defaults.KUBE_PRISM_PORT)


def _control_plane(given: Input) -> Iterator[Document]:
    bundle, version = given.secrets, given.kubernetes_version
    yield KubeAggregatorCAConfig(issuing_ca=_issuing(bundle.certs.k8saggregator.pair))
    yield KubeAdmissionControlConfig(name="PodSecurity", configuration=defaults.pod_security())
    yield KubeAuditPolicyConfig(configuration=defaults.audit_policy())
    yield KubeAuthenticationConfig(configuration=defaults.authentication())
    yield KubeAuthorizerConfig(name="node", type="Node")
    yield KubeAuthorizerConfig(name="rbac", type="RBAC")
    yield KubeEtcdEncryptionConfig(config=defaults.etcd_encryption(bundle))
    yield KubeServiceAccountConfig(
        issuer=IssuerServiceAccountConfig(
            private_key=bundle.certs.k8sserviceaccount.key.decode(), issuer_url=given.endpoint
        )
    )
    yield KubeAPIServerConfig(
        image=images.kubernetes(images.KUBE_APISERVER, version), cert_extra_sans=list(given.additional_sans)
    )
    yield KubeControllerManagerConfig(image=images.kubernetes(images.KUBE_CONTROLLER_MANAGER, version))
    yield KubeSchedulerConfig(image=images.kubernetes(images.KUBE_SCHEDULER, version))
    yield KubeProxyConfig(image=images.kubernetes(images.KUBE_PROXY, version))
    yield KubeFlannelCNIConfig(backend_type="vxlan", backend_port=4789)
    yield KubeCoreDNSConfig(enabled=True)


def _issuing(pair: Pair) -> CertificateAndKey:
    return CertificateAndKey(cert=pair.crt.decode(), key=pair.key.decode())

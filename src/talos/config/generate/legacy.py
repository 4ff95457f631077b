"""The layout before v1.14: nearly everything in the v1alpha1 document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from talos.config import images
from talos.config.document import Document
from talos.config.generate import defaults
from talos.config.network.hostname_config import HostnameConfig
from talos.config.v1alpha1.cluster import (
    ClusterConfig,
    ClusterDiscoveryConfig,
    ClusterNetworkConfig,
    ControlPlaneConfig,
    DiscoveryRegistriesConfig,
    EtcdConfig,
    RegistryKubernetesConfig,
)
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.v1alpha1.control_plane import (
    AdmissionPluginConfig,
    APIServerConfig,
    ControllerManagerConfig,
    ProxyConfig,
    SchedulerConfig,
)
from talos.config.v1alpha1.features import FeaturesConfig, HostDNSConfig, KubePrism
from talos.config.v1alpha1.install import InstallConfig
from talos.config.v1alpha1.kubelet import KubeletConfig
from talos.config.v1alpha1.machine import MachineConfig
from talos.config.v1alpha1.network import NetworkConfig, NetworkKubeSpan
from talos.config.v1alpha1.pem import PEMCertificateAndKey, PEMKey
from talos.config.v1alpha1.registries import RegistriesConfig, RegistryMirrorConfig
from talos.config.view.model import MachineType

if TYPE_CHECKING:
    from talos.config.generate.input import Input
    from talos.config.secrets import CertificateAndKey


def documents(given: Input, machine_type: MachineType) -> Iterator[Document]:
    """Documents of a machine, in the order in which they are written."""
    yield V1Alpha1(
        version="v1alpha1",
        debug=False,
        persist=True,
        machine=_machine(given, machine_type),
        cluster=_cluster(given, machine_type is MachineType.CONTROL_PLANE),
    )
    if given.contract.hostname_document:
        yield HostnameConfig(auto="stable")


def _pem(part: CertificateAndKey, *, with_key: bool) -> PEMCertificateAndKey:
    return PEMCertificateAndKey(crt=part.crt, key=part.key if with_key else b"")


def _machine(given: Input, machine_type: MachineType) -> MachineConfig:
    control_plane = machine_type is MachineType.CONTROL_PLANE
    told = None if given.contract.hostname_document else True
    mirrors = {m.registry: RegistryMirrorConfig(endpoints=list(m.endpoints)) for m in given.registry_mirrors}
    return MachineConfig(
        type=machine_type.value,
        token=given.secrets.trustdinfo.token,
        ca=_pem(given.secrets.certs.os, with_key=control_plane),
        cert_sans=list(given.additional_sans),
        kubelet=KubeletConfig(
            image=images.kubernetes(images.KUBELET, given.kubernetes_version),
            default_runtime_seccomp_profile_enabled=True,
            disable_manifests_directory=True,
        ),
        network=NetworkConfig(kubespan=NetworkKubeSpan(enabled=True)) if given.kubespan else None,
        install=_install(given),
        registries=RegistriesConfig(mirrors=mirrors),
        features=FeaturesConfig(
            # Off on older machines unless they are told: any certificate of a client might do everything.
            rbac=told,
            stable_hostname=told,
            apid_check_ext_key_usage=told,
            disk_quota_support=True,
            kube_prism=KubePrism(enabled=True, port=defaults.KUBE_PRISM_PORT),
            host_dns=HostDNSConfig(enabled=True, forward_kube_dns_to_host=True),
        ),
        node_labels={defaults.LABEL_EXCLUDE_FROM_EXTERNAL_LB: ""} if control_plane else {},
    )


def _install(given: Input) -> InstallConfig | None:
    if not given.install_disk:
        return None
    return InstallConfig(
        disk=given.install_disk,
        image=given.install_image,
        wipe=False,
        grub_use_uki_cmdline=given.contract.hostname_document or None,
    )


def _cluster(given: Input, control_plane: bool) -> ClusterConfig:
    bundle, version = given.secrets, given.kubernetes_version
    cluster = ClusterConfig(
        id=bundle.cluster.id,
        secret=bundle.cluster.secret,
        control_plane=ControlPlaneConfig(endpoint=given.endpoint),
        cluster_name=given.cluster_name,
        network=ClusterNetworkConfig(
            dns_domain=given.dns_domain,
            pod_subnets=list(given.pod_subnets),
            service_subnets=list(given.service_subnets),
        ),
        token=bundle.secrets.bootstraptoken,
        ca=_pem(bundle.certs.k8s, with_key=control_plane),
        discovery=ClusterDiscoveryConfig(
            enabled=given.cluster_discovery,
            registries=DiscoveryRegistriesConfig(kubernetes=RegistryKubernetesConfig(disabled=True)),
        ),
    )
    if not control_plane:
        return cluster
    cluster.secretbox_encryption_secret = bundle.secrets.secretboxencryptionsecret
    cluster.aescbc_encryption_secret = bundle.secrets.aescbcencryptionsecret
    cluster.aggregator_ca = _pem(bundle.certs.k8saggregator, with_key=True)
    cluster.service_account = PEMKey(key=bundle.certs.k8sserviceaccount.key)
    cluster.api_server = APIServerConfig(
        image=images.kubernetes(images.KUBE_APISERVER, version),
        cert_sans=list(given.additional_sans),
        admission_control=[AdmissionPluginConfig(name="PodSecurity", configuration=defaults.pod_security())],
        audit_policy=defaults.audit_policy(),
    )
    cluster.controller_manager = ControllerManagerConfig(
        image=images.kubernetes(images.KUBE_CONTROLLER_MANAGER, version)
    )
    cluster.proxy = ProxyConfig(image=images.kubernetes(images.KUBE_PROXY, version))
    cluster.scheduler = SchedulerConfig(image=images.kubernetes(images.KUBE_SCHEDULER, version))
    cluster.etcd = EtcdConfig(ca=_pem(bundle.certs.etcd, with_key=True))
    return cluster

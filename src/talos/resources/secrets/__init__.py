"""Resource types of the domain secrets."""

from __future__ import annotations

from talos.resources.secrets.api_certificate import APICertsSpec
from talos.resources.secrets.cert_san import CertSANSpec
from talos.resources.secrets.encryption_salt import EncryptionSaltSpec
from talos.resources.secrets.etcd_root_secret import EtcdRootSpec
from talos.resources.secrets.etcd_secret import EtcdCertsSpec
from talos.resources.secrets.kubelet_secret import KubeletSpec
from talos.resources.secrets.kubernetes_dynamic_cert import KubernetesDynamicCertsSpec
from talos.resources.secrets.kubernetes_root_secret import KubernetesRootSpec
from talos.resources.secrets.kubernetes_secret import KubernetesCertsSpec
from talos.resources.secrets.maintenance_root_secret import MaintenanceRootSpec
from talos.resources.secrets.os_root_secret import OSRootSpec
from talos.resources.secrets.trustd_certificate import TrustdCertsSpec

__all__ = [
    "APICertsSpec",
    "CertSANSpec",
    "EncryptionSaltSpec",
    "EtcdCertsSpec",
    "EtcdRootSpec",
    "KubeletSpec",
    "KubernetesCertsSpec",
    "KubernetesDynamicCertsSpec",
    "KubernetesRootSpec",
    "MaintenanceRootSpec",
    "OSRootSpec",
    "TrustdCertsSpec",
]

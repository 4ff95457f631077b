"""Resource types of the domain k8s."""

from __future__ import annotations

from talos.resources.k8s.admission_control_config import AdmissionControlConfigSpec, AdmissionPluginSpec
from talos.resources.k8s.api_server_config import APIServerConfigSpec
from talos.resources.k8s.arg_values import ArgValues
from talos.resources.k8s.audit_policy_config import AuditPolicyConfigSpec
from talos.resources.k8s.authentication_config import AuthenticationConfigSpec
from talos.resources.k8s.authorization_config import AuthorizationAuthorizersSpec, AuthorizationConfigSpec
from talos.resources.k8s.bootstrap_manifests_config import BootstrapManifestsConfigSpec
from talos.resources.k8s.config_status import ConfigStatusSpec
from talos.resources.k8s.controller_manager_config import ControllerManagerConfigSpec
from talos.resources.k8s.endpoint import EndpointSpec
from talos.resources.k8s.etcd_encryption_config import EtcdEncryptionConfigSpec
from talos.resources.k8s.extra_manifests_config import ExtraManifest, ExtraManifestsConfigSpec
from talos.resources.k8s.extra_volume import ExtraVolume
from talos.resources.k8s.kube_prism_config import KubePrismConfigSpec
from talos.resources.k8s.kube_prism_endpoint import KubePrismEndpoint, KubePrismEndpointsSpec
from talos.resources.k8s.kube_prism_status import KubePrismStatusesSpec
from talos.resources.k8s.kubelet_config import KubeletConfigSpec
from talos.resources.k8s.kubelet_kubeconfig import KubeletKubeconfigSpec
from talos.resources.k8s.kubelet_lifecycle import KubeletLifecycleSpec
from talos.resources.k8s.kubelet_spec import KubeletSpecSpec
from talos.resources.k8s.kubelet_status import KubeletStatusSpec
from talos.resources.k8s.manifest import ManifestSpec
from talos.resources.k8s.manifest_status import ManifestStatusSpec
from talos.resources.k8s.node_annotation_spec import NodeAnnotationSpecSpec
from talos.resources.k8s.node_cordoned_spec import NodeCordonedSpecSpec
from talos.resources.k8s.node_ip import NodeIPSpec
from talos.resources.k8s.node_ip_config import NodeIPConfigSpec
from talos.resources.k8s.node_label_spec import NodeLabelSpecSpec
from talos.resources.k8s.node_status import NodeStatusSpec
from talos.resources.k8s.node_taint_spec import NodeTaintSpecSpec
from talos.resources.k8s.nodename import NodenameSpec
from talos.resources.k8s.resources import Resources
from talos.resources.k8s.scheduler_config import SchedulerConfigSpec
from talos.resources.k8s.secret_status import SecretsStatusSpec
from talos.resources.k8s.static_pod import StaticPodSpec
from talos.resources.k8s.static_pod_server_status import StaticPodServerStatusSpec
from talos.resources.k8s.static_pod_status import StaticPodStatusSpec

__all__ = [
    "APIServerConfigSpec",
    "AdmissionControlConfigSpec",
    "AdmissionPluginSpec",
    "ArgValues",
    "AuditPolicyConfigSpec",
    "AuthenticationConfigSpec",
    "AuthorizationAuthorizersSpec",
    "AuthorizationConfigSpec",
    "BootstrapManifestsConfigSpec",
    "ConfigStatusSpec",
    "ControllerManagerConfigSpec",
    "EndpointSpec",
    "EtcdEncryptionConfigSpec",
    "ExtraManifest",
    "ExtraManifestsConfigSpec",
    "ExtraVolume",
    "KubePrismConfigSpec",
    "KubePrismEndpoint",
    "KubePrismEndpointsSpec",
    "KubePrismStatusesSpec",
    "KubeletConfigSpec",
    "KubeletKubeconfigSpec",
    "KubeletLifecycleSpec",
    "KubeletSpecSpec",
    "KubeletStatusSpec",
    "ManifestSpec",
    "ManifestStatusSpec",
    "NodeAnnotationSpecSpec",
    "NodeCordonedSpecSpec",
    "NodeIPConfigSpec",
    "NodeIPSpec",
    "NodeLabelSpecSpec",
    "NodeStatusSpec",
    "NodeTaintSpecSpec",
    "NodenameSpec",
    "Resources",
    "SchedulerConfigSpec",
    "SecretsStatusSpec",
    "StaticPodServerStatusSpec",
    "StaticPodSpec",
    "StaticPodStatusSpec",
]

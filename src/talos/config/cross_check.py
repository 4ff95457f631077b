"""A setting must stand in one place: in its own document, or in the legacy section, not in both.

Which of the two would win is nothing a reader of the configuration could see, so both is an error. Mappings and lists
that only add up (sysctls, environment, udev rules) may stand in both; of one name the document's value holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from talos.config.config import Config
from talos.config.network.resolver_config import ResolverConfig
from talos.config.v1alpha1.config import V1Alpha1

# Document kind -> attribute paths of the v1alpha1 document that say the same.
_LEGACY: dict[str, tuple[str, ...]] = {
    "CRIBaseRuntimeSpecConfig": ("machine.base_runtime_spec_overrides",),
    "DiscoveryIdentityConfig": ("cluster.id", "cluster.secret"),
    "DiscoveryServiceConfig": ("cluster.discovery",),
    "HostnameConfig": ("machine.network.hostname", "machine.features.stable_hostname"),
    "ImageCacheConfig": ("machine.features.image_cache",),
    "KubeAPIServerCAConfig": ("cluster.ca", "cluster.accepted_cas"),
    "KubeAPIServerConfig": ("cluster.api_server",),
    "KubeAdmissionControlConfig": ("cluster.api_server.admission_control",),
    "KubeAggregatorCAConfig": ("cluster.aggregator_ca",),
    "KubeAuditPolicyConfig": ("cluster.api_server.audit_policy",),
    "KubeAuthorizerConfig": ("cluster.api_server.authorization_config",),
    "KubeClusterConfig": ("cluster.control_plane", "cluster.cluster_name"),
    "KubeControllerManagerConfig": ("cluster.controller_manager",),
    "KubeCoreDNSConfig": ("cluster.core_dns",),
    "KubeCredentialProviderConfig": ("machine.kubelet.credential_provider_config",),
    "KubeEtcdEncryptionConfig": ("cluster.secretbox_encryption_secret", "cluster.aescbc_encryption_secret"),
    "KubeFlannelCNIConfig": ("cluster.network.cni",),
    "KubeNetworkConfig": ("cluster.network",),
    "KubeNodeConfig": ("machine.node_labels", "machine.node_annotations", "machine.node_taints"),
    "KubePrismConfig": ("machine.features.kube_prism",),
    "KubeProxyConfig": ("cluster.proxy",),
    "KubeSchedulerConfig": ("cluster.scheduler",),
    "KubeServiceAccountConfig": ("cluster.service_account",),
    "KubeSpanConfig": ("machine.network.kubespan",),
    "KubeTalosAPIAccessConfig": ("machine.features.kubernetes_talos_api_access",),
    "KubeletConfig": ("machine.kubelet",),
    "TimeSyncConfig": ("machine.time",),
    "UnattendedInstallConfig": ("machine.install",),
    "VolumeConfig": ("machine.system_disk_encryption",),
}


def both_layouts(config: Config) -> Iterator[str]:
    """A sentence for each setting that stands in a document and in the legacy section."""
    legacy = config.get(V1Alpha1)
    if legacy is None:
        return
    for kind in dict.fromkeys(d.KIND for d in config.documents):
        for path in _LEGACY.get(kind, ()):
            if _given(legacy, path):
                yield f"{kind} and the legacy {_key(path)} are both set; move everything into {kind}"
    if resolver := config.get(ResolverConfig):
        checks = (
            (resolver.nameservers, "machine.network.nameservers"),
            (resolver.search_domains.domains, "machine.network.search_domains"),
            (resolver.host_dns.enabled is not None, "machine.features.host_dns"),
        )
        for said, path in checks:
            if said and _given(legacy, path):
                yield f"ResolverConfig and the legacy {_key(path)} are both set; move everything into ResolverConfig"


def _given(value: Any, path: str) -> bool:
    for attribute in path.split("."):
        if value is None:
            return False
        value = getattr(value, attribute)
    return bool(value) if not hasattr(value, "__struct_fields__") else True


def _key(path: str) -> str:
    """Attribute path to the keys as written."""
    from talos.config.schema import plan

    keys: list[str] = []
    cls: Any = V1Alpha1
    for attribute in path.split("."):
        field = next(f for f in plan(cls).fields if f.attribute == attribute)
        keys.append(field.key)
        cls = field.kind.cls
    return ".".join(keys)

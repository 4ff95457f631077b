"""Table of document kinds. A kind's module is imported when the first document of that kind is met."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from talos.config.document import Document

LEGACY = "v1alpha1"
"""The document without apiVersion and kind."""

MODULES: dict[str, str] = {
    "AuditSinkConfig": "talos.config.access.audit_sink_config:AuditSinkConfig",
    "BGPInstanceConfig": "talos.config.network.bgp_instance_config:BGPInstanceConfig",
    "BlackholeRouteConfig": "talos.config.network.blackhole_route_config:BlackholeRouteConfig",
    "BondConfig": "talos.config.network.bond_config:BondConfig",
    "BridgeConfig": "talos.config.network.bridge_config:BridgeConfig",
    "CRIBaseRuntimeSpecConfig": "talos.config.cri.cri_base_runtime_spec_config:CRIBaseRuntimeSpecConfig",
    "CRICustomizationConfig": "talos.config.cri.cri_customization_config:CRICustomizationConfig",
    "ContainerConfig": "talos.config.container.container_config:ContainerConfig",
    "DHCPv4Config": "talos.config.network.dhcpv4_config:DHCPv4Config",
    "DHCPv6Config": "talos.config.network.dhcpv6_config:DHCPv6Config",
    "DiscoveryIdentityConfig": "talos.config.cluster.discovery_identity_config:DiscoveryIdentityConfig",
    "DiscoveryServiceConfig": "talos.config.cluster.discovery_service_config:DiscoveryServiceConfig",
    "DummyLinkConfig": "talos.config.network.dummy_link_config:DummyLinkConfig",
    "EnvironmentConfig": "talos.config.runtime.environment_config:EnvironmentConfig",
    "EtcFileConfig": "talos.config.runtime.etc_file_config:EtcFileConfig",
    "EthernetConfig": "talos.config.network.ethernet_config:EthernetConfig",
    "EventSinkConfig": "talos.config.runtime.event_sink_config:EventSinkConfig",
    "ExistingVolumeConfig": "talos.config.block.existing_volume_config:ExistingVolumeConfig",
    "ExtensionServiceConfig": "talos.config.extensions.extension_service_config:ExtensionServiceConfig",
    "ExternalVolumeConfig": "talos.config.block.external_volume_config:ExternalVolumeConfig",
    "FilesystemScrubConfig": "talos.config.block.filesystem_scrub_config:FilesystemScrubConfig",
    "FilesystemTrimConfig": "talos.config.block.filesystem_trim_config:FilesystemTrimConfig",
    "GrantConfig": "talos.config.access.grant_config:GrantConfig",
    "HCloudVIPConfig": "talos.config.network.hcloud_vip_config:HCloudVIPConfig",
    "HTTPProbeConfig": "talos.config.network.http_probe_config:HTTPProbeConfig",
    "HostnameConfig": "talos.config.network.hostname_config:HostnameConfig",
    "ImageCacheConfig": "talos.config.cri.image_cache_config:ImageCacheConfig",
    "ImageVerificationConfig": "talos.config.security.image_verification_config:ImageVerificationConfig",
    "KernelModuleConfig": "talos.config.runtime.kernel_module_config:KernelModuleConfig",
    "KmsgLogConfig": "talos.config.runtime.kmsg_log_config:KmsgLogConfig",
    "KubeAPIServerCAConfig": "talos.config.k8s.kube_api_server_ca_config:KubeAPIServerCAConfig",
    "KubeAPIServerConfig": "talos.config.k8s.kube_api_server_config:KubeAPIServerConfig",
    "KubeAdmissionControlConfig": "talos.config.k8s.kube_admission_control_config:KubeAdmissionControlConfig",
    "KubeAggregatorCAConfig": "talos.config.k8s.kube_aggregator_ca_config:KubeAggregatorCAConfig",
    "KubeAuditPolicyConfig": "talos.config.k8s.kube_audit_policy_config:KubeAuditPolicyConfig",
    "KubeAuthenticationConfig": "talos.config.k8s.kube_authentication_config:KubeAuthenticationConfig",
    "KubeAuthorizerConfig": "talos.config.k8s.kube_authorizer_config:KubeAuthorizerConfig",
    "KubeClusterConfig": "talos.config.k8s.kube_cluster_config:KubeClusterConfig",
    "KubeControllerManagerConfig": "talos.config.k8s.kube_controller_manager_config:KubeControllerManagerConfig",
    "KubeCoreDNSConfig": "talos.config.k8s.kube_core_dns_config:KubeCoreDNSConfig",
    "KubeCredentialProviderConfig": "talos.config.k8s.kube_credential_provider_config:KubeCredentialProviderConfig",
    "KubeEtcdEncryptionConfig": "talos.config.k8s.kube_etcd_encryption_config:KubeEtcdEncryptionConfig",
    "KubeExternalManifestConfig": "talos.config.k8s.kube_external_manifest_config:KubeExternalManifestConfig",
    "KubeFlannelCNIConfig": "talos.config.k8s.kube_flannel_cni_config:KubeFlannelCNIConfig",
    "KubeInlineManifestConfig": "talos.config.k8s.kube_inline_manifest_config:KubeInlineManifestConfig",
    "KubeNetworkConfig": "talos.config.k8s.kube_network_config:KubeNetworkConfig",
    "KubeNodeConfig": "talos.config.k8s.kube_node_config:KubeNodeConfig",
    "KubePrismConfig": "talos.config.k8s.kube_prism_config:KubePrismConfig",
    "KubeProxyConfig": "talos.config.k8s.kube_proxy_config:KubeProxyConfig",
    "KubeSchedulerConfig": "talos.config.k8s.kube_scheduler_config:KubeSchedulerConfig",
    "KubeServiceAccountConfig": "talos.config.k8s.kube_service_account_config:KubeServiceAccountConfig",
    "KubeSpanConfig": "talos.config.network.kube_span_config:KubeSpanConfig",
    "KubeSpanEndpointsConfig": "talos.config.network.kube_span_endpoints_config:KubeSpanEndpointsConfig",
    "KubeStaticPodConfig": "talos.config.k8s.kube_static_pod_config:KubeStaticPodConfig",
    "KubeTalosAPIAccessConfig": "talos.config.k8s.kube_talos_api_access_config:KubeTalosAPIAccessConfig",
    "KubeletConfig": "talos.config.k8s.kubelet_config:KubeletConfig",
    "LVMLogicalVolumeConfig": "talos.config.storage.lvm_logical_volume_config:LVMLogicalVolumeConfig",
    "LVMVolumeGroupConfig": "talos.config.storage.lvm_volume_group_config:LVMVolumeGroupConfig",
    "Layer2VIPConfig": "talos.config.network.layer2_vip_config:Layer2VIPConfig",
    "LinkAliasConfig": "talos.config.network.link_alias_config:LinkAliasConfig",
    "LinkConfig": "talos.config.network.link_config:LinkConfig",
    "NetworkDefaultActionConfig": "talos.config.network.network_default_action_config:NetworkDefaultActionConfig",
    "NetworkRuleConfig": "talos.config.network.network_rule_config:NetworkRuleConfig",
    "OOMConfig": "talos.config.runtime.oom_config:OOMConfig",
    "PCIDriverRebindConfig": "talos.config.hardware.pci_driver_rebind_config:PCIDriverRebindConfig",
    "RAIDArrayConfig": "talos.config.storage.raid_array_config:RAIDArrayConfig",
    "RawVolumeConfig": "talos.config.block.raw_volume_config:RawVolumeConfig",
    "RegistryAuthConfig": "talos.config.cri.registry_auth_config:RegistryAuthConfig",
    "RegistryMirrorConfig": "talos.config.cri.registry_mirror_config:RegistryMirrorConfig",
    "RegistryTLSConfig": "talos.config.cri.registry_tls_config:RegistryTLSConfig",
    "ResolverConfig": "talos.config.network.resolver_config:ResolverConfig",
    "RevocationConfig": "talos.config.access.revocation_config:RevocationConfig",
    "RoutingRuleConfig": "talos.config.network.routing_rule_config:RoutingRuleConfig",
    "SecurityProfileConfig": "talos.config.runtime.security_profile_config:SecurityProfileConfig",
    "SideroLinkConfig": "talos.config.siderolink.sidero_link_config:SideroLinkConfig",
    "StaticHostConfig": "talos.config.network.static_host_config:StaticHostConfig",
    "SwapVolumeConfig": "talos.config.block.swap_volume_config:SwapVolumeConfig",
    "SysctlConfig": "talos.config.runtime.sysctl_config:SysctlConfig",
    "SysfsConfig": "talos.config.runtime.sysfs_config:SysfsConfig",
    "TCPProbeConfig": "talos.config.network.tcp_probe_config:TCPProbeConfig",
    "TimeSyncConfig": "talos.config.network.time_sync_config:TimeSyncConfig",
    "TrustedRootsConfig": "talos.config.security.trusted_roots_config:TrustedRootsConfig",
    "UdevRulesConfig": "talos.config.runtime.udev_rules_config:UdevRulesConfig",
    "UnattendedInstallConfig": "talos.config.runtime.unattended_install_config:UnattendedInstallConfig",
    "UserVolumeConfig": "talos.config.block.user_volume_config:UserVolumeConfig",
    "VLANConfig": "talos.config.network.vlan_config:VLANConfig",
    "VRFConfig": "talos.config.network.vrf_config:VRFConfig",
    "VethConfig": "talos.config.network.veth_config:VethConfig",
    "VolumeConfig": "talos.config.block.volume_config:VolumeConfig",
    "WatchdogTimerConfig": "talos.config.runtime.watchdog_timer_config:WatchdogTimerConfig",
    "WireguardConfig": "talos.config.network.wireguard_config:WireguardConfig",
    "ZswapConfig": "talos.config.block.zswap_config:ZswapConfig",
    "v1alpha1": "talos.config.v1alpha1.config:V1Alpha1",
}


@cache
def load(kind: str) -> type[Document]:
    """Class of a known kind."""
    module, _, name = MODULES[kind].partition(":")
    return cast("type[Document]", getattr(import_module(module), name))


def find(kind: str) -> type[Document] | None:
    """Class of a kind, None for an unknown one."""
    return load(kind) if kind in MODULES else None


def nearest(kind: str) -> str:
    """The known kind most like a misspelt one, or nothing."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(kind, MODULES, n=1)), "")

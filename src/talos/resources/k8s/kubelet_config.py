"""KubeletConfig: resource type KubeletConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

import msgspec

from talos.resources.k8s.arg_values import ArgValues
from talos.resources.proto.mount import Mount
from talos.state.spec import Spec, resource


@resource(
    type="KubeletConfigs.kubernetes.talos.dev",
    namespace="k8s",
    display="KubeletConfig",
    aliases=("kubeletconfig", "kc", "kcs"),
    all_aliases=("kubeletconfigs", "kubeletconfigs.kubernetes", "kubeletconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.KubeletConfigSpec",
    sensitive=True,
    omit_empty=("extra_args", "extra_mounts", "extra_config", "credential_provider_config", "register_with_taints"),
)
class KubeletConfigSpec(Spec):
    """Spec of KubeletConfigs.kubernetes.talos.dev."""

    image: str = ""
    cluster_dns: list[str] = msgspec.field(default_factory=list, name="clusterDNS")
    cluster_domain: str = ""
    extra_args: dict[str, ArgValues] = {}
    extra_mounts: list[Mount] = []
    extra_config: dict[str, Any] = {}
    cloud_provider_external: bool = False
    default_runtime_seccomp_enabled: bool = False
    skip_node_registration: bool = False
    static_pod_list_url: str = msgspec.field(default="", name="staticPodListURL")
    disable_manifests_directory: bool = False
    enable_fs_quota_monitoring: bool = msgspec.field(default=False, name="enableFSQuotaMonitoring")
    credential_provider_config: dict[str, Any] = {}
    register_with_taints: dict[str, str] = {}

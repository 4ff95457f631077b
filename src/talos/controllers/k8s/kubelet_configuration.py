"""The kubelet's arguments and KubeletConfiguration: pure functions.

What a user may not change are the fields by which the node holds together: where the kubelet finds its runtime,
identity and static pods, who may call it, and in which cgroups it lives. Setting one is an error, not ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from talos.config.node_owned import FLAGS, KUBELET_FIELDS
from talos.kubernetes.arguments import Value, merge, render

BOOTSTRAP_KUBECONFIG = "/etc/kubernetes/bootstrap-kubeconfig"
KUBECONFIG = "/etc/kubernetes/kubeconfig-kubelet"
CONFIG_FILE = "/etc/kubernetes/kubelet.yaml"
CA_FILE = "/etc/kubernetes/pki/ca.crt"
PKI_DIR = "/var/lib/kubelet/pki"
CREDENTIAL_PROVIDER_CONFIG = "/etc/kubernetes/kubelet-credentialproviderconfig.yaml"
CREDENTIAL_PROVIDER_DIR = "/usr/local/lib/kubelet/credentialproviders"
SECCOMP_PROFILES = "/var/lib/kubelet/seccomp/profiles"
OOM_SCORE_ADJ = -450


class ProtectedFieldError(ValueError):
    """The kubelet's extra configuration sets fields that the node decides."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(f"kubelet: config may not set {', '.join(fields)}: the node decides it; remove it")


class KubeletSettings(Struct, frozen=True):
    """What the configuration and the machine say. ``taints``: key -> (value, effect)."""

    nodename: str
    node_ips: Sequence[str]
    control_plane: bool
    cluster_dns: Sequence[str]
    cluster_domain: str
    static_pod_url: str = ""
    extra_args: Mapping[str, Value] = field(default_factory=dict)
    extra_config: Mapping[str, Any] = field(default_factory=dict)
    taints: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    seccomp_default: bool = False
    manifests_directory: bool = False
    quota_monitoring: bool = False
    external_cloud_provider: bool = False
    skip_registration: bool = False
    credential_providers: bool = False
    in_container: bool = False
    cgroup_v1: bool = False
    may_lower_oom_score: bool = True


def kubelet_arguments(settings: KubeletSettings) -> list[str]:
    """Arguments without the program, sorted. DeniedArgumentError."""
    defaults: dict[str, Value] = {"cert-dir": PKI_DIR, "config": CONFIG_FILE, "hostname-override": settings.nodename}
    if not settings.skip_registration:
        defaults["bootstrap-kubeconfig"] = BOOTSTRAP_KUBECONFIG
        defaults["kubeconfig"] = KUBECONFIG
    if settings.external_cloud_provider:
        defaults["cloud-provider"] = "external"
    if settings.node_ips and "node-ip" not in settings.extra_args:
        defaults["node-ip"] = ",".join(settings.node_ips)
    if settings.credential_providers:
        defaults["image-credential-provider-bin-dir"] = CREDENTIAL_PROVIDER_DIR
        defaults["image-credential-provider-config"] = CREDENTIAL_PROVIDER_CONFIG
    return render(merge("kubelet", defaults, settings.extra_args, denied=FLAGS["kubelet"]))


def kubelet_configuration(settings: KubeletSettings) -> dict[str, Any]:
    """KubeletConfiguration (kubelet.config.k8s.io/v1beta1) with the user's part merged in. ProtectedFieldError."""
    if protected := sorted(KUBELET_FIELDS & set(settings.extra_config)):
        raise ProtectedFieldError(protected)
    webhook = not settings.skip_registration
    config: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "::" if any(":" in ip for ip in settings.node_ips) else "0.0.0.0",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": webhook},
            "x509": {"clientCAFile": CA_FILE},
        },
        "authorization": {"mode": "Webhook" if webhook else "AlwaysAllow"},
        "cgroupRoot": "/",
        "clusterDNS": list(settings.cluster_dns),
        "clusterDomain": settings.cluster_domain,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "failSwapOn": False,
        # The default of 20 s is most of what a cold start of a control plane waits for: the kubelet asks for its
        # static pods, finds none yet, and comes back 20 s later. The question goes to this node only and is cheap.
        "httpCheckFrequency": "500ms",
        "kubeletCgroups": "podruntime/kubelet",
        "logging": {"format": "json"},
        "oomScoreAdj": OOM_SCORE_ADJ if settings.may_lower_oom_score else 0,
        "port": 10250,
        "resolvConf": "/system/resolved/resolv.conf",
        "rotateCertificates": True,
        "serializeImagePulls": False,
        "shutdownGracePeriod": "30s",
        "shutdownGracePeriodCriticalPods": "10s",
        "streamingConnectionIdleTimeout": "5m0s",
        "systemCgroups": "system",
        "systemReserved": {
            "cpu": "50m",
            "ephemeral-storage": "256Mi",
            "memory": "512Mi" if settings.control_plane else "384Mi",
            "pid": "100",
        },
        "tlsMinVersion": "VersionTLS13",
    }
    if not settings.in_container:
        # In a container the kernel's settings are the host's: the kubelet must neither check nor set them.
        config["protectKernelDefaults"] = True
    if settings.cgroup_v1:
        config |= {"failCgroupV1": False, "cgroupDriver": "cgroupfs"}
    if settings.seccomp_default:
        config["seccompDefault"] = True
    if settings.quota_monitoring:
        config["featureGates"] = {"LocalStorageCapacityIsolationFSQuotaMonitoring": True}
    if settings.static_pod_url:
        config["staticPodURL"] = settings.static_pod_url
    if settings.manifests_directory:
        config["staticPodPath"] = "/etc/kubernetes/manifests"
    taints = [
        {"key": key, "effect": effect, **({"value": value} if value else {})}
        for key, (value, effect) in sorted(settings.taints.items())
    ]
    if taints:
        config["registerWithTaints"] = taints
    extra = dict(settings.extra_config)
    if "registerWithTaints" in extra:
        config["registerWithTaints"] = taints + list(extra.pop("registerWithTaints"))
    return _merged(config, extra)


def parse_taint(text: str) -> tuple[str, str]:
    """``value:Effect`` or ``Effect`` as (value, effect)."""
    value, _, effect = text.rpartition(":")
    return value, effect


def _merged(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged key by key; anything else of the user's replaces ours."""
    merged = dict(base)
    for key, value in extra.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged

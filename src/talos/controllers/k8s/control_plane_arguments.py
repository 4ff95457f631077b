"""Command lines of kube-apiserver, kube-controller-manager and kube-scheduler: pure functions.

Every file they name is rendered by RenderSecretsStaticPodController and RenderConfigsStaticPodController into the
directories below; `control_plane_files` holds the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from talos.config.node_owned import FLAGS
from talos.kubernetes.arguments import Value, merge, render

SECRETS_DIR = "/system/secrets/kubernetes"
CONFIG_DIR = "/system/config/kubernetes"
API_SERVER_SECRETS = f"{SECRETS_DIR}/kube-apiserver"
API_SERVER_CONFIG = f"{CONFIG_DIR}/kube-apiserver"
CONTROLLER_MANAGER_SECRETS = f"{SECRETS_DIR}/kube-controller-manager"
SCHEDULER_SECRETS = f"{SECRETS_DIR}/kube-scheduler"
SCHEDULER_CONFIG = f"{CONFIG_DIR}/kube-scheduler"
AUDIT_LOG_DIR = "/var/log/audit/kube"

_API_SERVER_ADDITIVE = ("enable-admission-plugins", "feature-gates", "authorization-mode")
_CONTROLLER_MANAGER_ADDITIVE = ("service-cluster-ip-range", "controllers")


def api_server_arguments(
    *,
    local_port: int,
    etcd_servers: Sequence[str],
    service_cidrs: Sequence[str],
    issuer_url: str,
    accepted_issuers: Sequence[str] = (),
    audiences: Sequence[str] = (),
    advertised_address: str = "$(POD_IP)",
    cloud_provider: str = "",
    authentication_config: bool = True,
    extra_args: Mapping[str, Value] = {},
) -> list[str]:
    """Command of kube-apiserver, program first. DeniedArgumentError when ``extra_args`` sets what it may not."""
    secrets, config = API_SERVER_SECRETS, API_SERVER_CONFIG
    defaults: dict[str, Value] = {
        "admission-control-config-file": f"{config}/admission-control-config.yaml",
        "advertise-address": advertised_address,
        "allow-privileged": "true",
        "api-audiences": ",".join(audiences or [issuer_url]),
        "audit-log-maxage": "30",
        "audit-log-maxbackup": "10",
        "audit-log-maxsize": "100",
        "audit-log-path": f"{AUDIT_LOG_DIR}/kube-apiserver.log",
        "audit-policy-file": f"{config}/auditpolicy.yaml",
        "authorization-config": f"{config}/authorization-config.yaml",
        "bind-address": _any_address(service_cidrs),
        "client-ca-file": f"{secrets}/ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true",
        "encryption-provider-config": f"{secrets}/encryptionconfig.yaml",
        "etcd-cafile": f"{secrets}/etcd-client-ca.crt",
        "etcd-certfile": f"{secrets}/etcd-client.crt",
        "etcd-keyfile": f"{secrets}/etcd-client.key",
        "etcd-servers": ",".join(etcd_servers),
        "kubelet-client-certificate": f"{secrets}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{secrets}/apiserver-kubelet-client.key",
        # Node names often resolve nowhere: logs and exec must go to addresses.
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "profiling": "false",
        "proxy-client-cert-file": f"{secrets}/front-proxy-client.crt",
        "proxy-client-key-file": f"{secrets}/front-proxy-client.key",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-client-ca-file": f"{secrets}/aggregator-ca.crt",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "secure-port": str(local_port),
        # The first issuer signs; tokens of the others are still accepted.
        "service-account-issuer": [issuer_url, *accepted_issuers],
        "service-account-key-file": f"{secrets}/service-account.pub",
        "service-account-signing-key-file": f"{secrets}/service-account.key",
        "service-cluster-ip-range": ",".join(service_cidrs),
        "tls-cert-file": f"{secrets}/apiserver.crt",
        "tls-min-version": "VersionTLS13",
        "tls-private-key-file": f"{secrets}/apiserver.key",
    }
    if cloud_provider:
        defaults["cloud-provider"] = cloud_provider
    denied = list(FLAGS["kube-apiserver"])
    if authentication_config:
        defaults["authentication-config"] = f"{config}/authentication-config.yaml"
        denied.append("authentication-config")
    else:
        defaults["anonymous-auth"] = "false"
    merged = merge("kube-apiserver", defaults, extra_args, additive=_API_SERVER_ADDITIVE, denied=denied)
    return ["/usr/local/bin/kube-apiserver", *render(merged)]


def controller_manager_arguments(
    *,
    pod_cidrs: Sequence[str],
    service_cidrs: Sequence[str],
    node_cidr_mask_ipv4: int = 24,
    node_cidr_mask_ipv6: int = 64,
    cloud_provider: str = "",
    extra_args: Mapping[str, Value] = {},
) -> list[str]:
    """Command of kube-controller-manager. DeniedArgumentError when ``extra_args`` sets what it may not."""
    secrets = CONTROLLER_MANAGER_SECRETS
    defaults: dict[str, Value] = {
        "allocate-node-cidrs": "true",
        "authentication-kubeconfig": f"{secrets}/kubeconfig",
        "authorization-kubeconfig": f"{secrets}/kubeconfig",
        "bind-address": "127.0.0.1",
        "cluster-cidr": ",".join(pod_cidrs),
        "cluster-signing-cert-file": f"{secrets}/ca.crt",
        "cluster-signing-key-file": f"{secrets}/ca.key",
        "configure-cloud-routes": "false",
        "controllers": "*,tokencleaner" if cloud_provider else "*",
        # Not in Talos: with the default of 20 requests a second the manager spends its first five seconds asking for
        # the service account tokens of its own forty controllers, and the whole cluster waits for them.
        "kube-api-burst": "200",
        "kube-api-qps": "100",
        "kubeconfig": f"{secrets}/kubeconfig",
        "leader-elect": "true",
        "profiling": "false",
        "root-ca-file": f"{secrets}/ca.crt",
        "service-account-private-key-file": f"{secrets}/service-account.key",
        "service-cluster-ip-range": ",".join(service_cidrs),
        "terminated-pod-gc-threshold": "100",
        "tls-min-version": "VersionTLS13",
        "use-service-account-credentials": "true",
    }
    # The program refuses a mask size of a family that it allocates no subnet of.
    families = {ip_network(cidr, strict=False).version for cidr in pod_cidrs}
    if 4 in families:
        defaults["node-cidr-mask-size-ipv4"] = str(node_cidr_mask_ipv4)
    if 6 in families:
        defaults["node-cidr-mask-size-ipv6"] = str(node_cidr_mask_ipv6)
    if cloud_provider:
        defaults["cloud-provider"] = cloud_provider
    merged = merge(
        "kube-controller-manager",
        defaults,
        extra_args,
        additive=_CONTROLLER_MANAGER_ADDITIVE,
        denied=FLAGS["kube-controller-manager"],
    )
    return ["/usr/local/bin/kube-controller-manager", "--use-service-account-credentials", *render(merged)]


def scheduler_arguments(extra_args: Mapping[str, Value] = {}) -> list[str]:
    """Command of kube-scheduler. DeniedArgumentError when ``extra_args`` sets what it may not."""
    defaults: dict[str, Value] = {
        "authentication-kubeconfig": f"{SCHEDULER_SECRETS}/kubeconfig",
        "authentication-tolerate-lookup-failure": "false",
        "authorization-kubeconfig": f"{SCHEDULER_SECRETS}/kubeconfig",
        "bind-address": "127.0.0.1",
        "config": f"{SCHEDULER_CONFIG}/scheduler-config.yaml",
        "leader-elect": "true",
        "profiling": "false",
        "tls-min-version": "VersionTLS13",
    }
    merged = merge("kube-scheduler", defaults, extra_args, denied=FLAGS["kube-scheduler"])
    return ["/usr/local/bin/kube-scheduler", *render(merged)]


def _any_address(service_cidrs: Sequence[str]) -> str:
    """``::`` as soon as one service subnet is IPv6: it listens on both families."""
    return "::" if any(ip_network(c, strict=False).version == 6 for c in service_cidrs) else "0.0.0.0"

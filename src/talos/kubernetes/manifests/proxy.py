"""kube-proxy: Services on every node.

Its ConfigMap carries the checksum of the content in its name: a change of the configuration is a change of the pod,
so the DaemonSet rolls it out instead of leaving old and new side by side.
"""

from __future__ import annotations

from talos.kubernetes.kubeconfig import dump
from talos.kubernetes.manifests.objects import (
    ARCHITECTURES,
    LINUX,
    SYSTEM,
    TOLERATE_ALL,
    Object,
    cluster_role_binding,
    config_map,
    config_map_volume,
    field_env,
    host_path,
    metadata,
    mount,
    node_affinity,
    service_account,
    service_account_subject,
)
from talos.kubernetes.manifests.settings import Proxy

LABELS = {"k8s-app": "kube-proxy", "tier": "node"}
CHECKSUM_CHARS = 16


def kube_proxy(proxy: Proxy) -> list[Object]:
    """ConfigMap, DaemonSet, ServiceAccount and its binding."""
    config_name = f"kube-proxy-config-{proxy.checksum[:CHECKSUM_CHARS]}"
    container = {
        "name": "kube-proxy",
        "image": proxy.image,
        "command": ["/usr/local/bin/kube-proxy", *proxy.args],
        "env": [field_env("NODE_NAME", "spec.nodeName"), field_env("POD_IP", "status.podIP")],
        "resources": proxy.resources.render(cpu="100m", memory="50Mi"),
        "securityContext": {"privileged": True},
        "volumeMounts": [
            mount("lib-modules", "/lib/modules", read_only=True),
            mount("ssl-certs-host", "/etc/ssl/certs", read_only=True),
            mount("kubeconfig", "/etc/kubernetes", read_only=True),
            mount("config", "/var/lib/kube-proxy", read_only=True),
        ],
    }
    pod = {
        "affinity": {"nodeAffinity": node_affinity(LINUX, ARCHITECTURES)},
        "containers": [container],
        "hostNetwork": True,
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "kube-proxy",
        "tolerations": TOLERATE_ALL,
        "volumes": [
            host_path("lib-modules", "/usr/lib/modules"),
            host_path("ssl-certs-host", "/etc/ssl/certs"),
            config_map_volume("kubeconfig", "kubeconfig-in-cluster"),
            config_map_volume("config", config_name),
        ],
    }
    return [
        config_map(config_name, {"config.conf": dump(dict(proxy.config))}, labels=LABELS),
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": metadata("kube-proxy", SYSTEM, labels=LABELS),
            "spec": {
                "selector": {"matchLabels": LABELS},
                "template": {"metadata": {"labels": LABELS}, "spec": pod},
                "updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}, "type": "RollingUpdate"},
            },
        },
        service_account("kube-proxy"),
        cluster_role_binding("kube-proxy", "system:node-proxier", [service_account_subject("kube-proxy")]),
    ]

"""flannel: pod addresses that reach each other across nodes.

It reads each node's pod subnet from the Node object and reaches the API server through the local load balancer,
because Services do not work before pods have addresses.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from talos.kubernetes.manifests.objects import (
    LINUX,
    SYSTEM,
    TOLERATE_ALL,
    Object,
    cluster_role,
    cluster_role_binding,
    config_map,
    config_map_volume,
    field_env,
    host_path,
    metadata,
    mount,
    node_affinity,
    rule,
    service_account,
    service_account_subject,
)
from talos.kubernetes.manifests.settings import Flannel

APP = {"k8s-app": "flannel"}
LABELS = {**APP, "tier": "node"}
CNI_CONFIG: dict[str, Any] = {
    "name": "cbr0",
    "cniVersion": "1.0.0",
    "plugins": [
        {"type": "flannel", "delegate": {"hairpinMode": True, "isDefaultGateway": True}},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


def flannel(settings: Flannel, pod_cidrs: Sequence[str]) -> list[Object]:
    """ClusterRole and binding, ServiceAccount, ConfigMap, DaemonSet."""
    rules = [
        rule([""], ["pods", "nodes", "namespaces"], ["get", "list", "watch"]),
        rule([""], ["nodes/status"], ["patch"]),
    ]
    if settings.network_policies_image:
        rules.append(rule(["networking.k8s.io"], ["networkpolicies"], ["list", "watch"]))
        rules.append(rule(["policy.networking.k8s.io"], ["adminnetworkpolicies"], ["list", "watch"]))
        rules.append(rule(["policy.networking.k8s.io"], ["baselineadminnetworkpolicies"], ["list", "watch"]))
    data = {"cni-conf.json": _json(CNI_CONFIG), "net-conf.json": _json(_network(settings, pod_cidrs))}
    return [
        cluster_role("flannel", rules, labels=APP),
        cluster_role_binding("flannel", "flannel", [service_account_subject("flannel")], labels=APP),
        service_account("flannel", labels=APP),
        config_map("kube-flannel-cfg", data, labels=LABELS),
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": metadata("kube-flannel", SYSTEM, labels=LABELS),
            "spec": {
                "selector": {"matchLabels": LABELS},
                "template": {"metadata": {"labels": LABELS}, "spec": _pod(settings)},
                "updateStrategy": {},
            },
        },
    ]


def _network(settings: Flannel, pod_cidrs: Sequence[str]) -> dict[str, Any]:
    by_family = {ip_network(cidr, strict=False).version: cidr for cidr in pod_cidrs}
    network: dict[str, Any] = {}
    if 4 in by_family:
        network["Network"] = by_family[4]
    else:
        network["EnableIPv4"] = False
    if 6 in by_family:
        network |= {"IPv6Network": by_family[6], "EnableIPv6": True}
    backend = {"Port": settings.backend_port, "Type": settings.backend_type, **settings.backend_extra}
    if settings.backend_mtu:
        backend["MTU"] = settings.backend_mtu
    return {**network, "EnableNFTables": True, "Backend": backend}


def _pod(settings: Flannel) -> dict[str, Any]:
    env = [
        field_env("POD_NAME", "metadata.name"),
        field_env("POD_NAMESPACE", "metadata.namespace"),
        {"name": "EVENT_QUEUE_DEPTH", "value": "5000"},
        {"name": "CONT_WHEN_CACHE_NOT_READY", "value": "false"},
    ]
    if settings.service_host:
        env.append({"name": "KUBERNETES_SERVICE_HOST", "value": settings.service_host})
        env.append({"name": "KUBERNETES_SERVICE_PORT", "value": settings.service_port})
    containers: list[dict[str, Any]] = [
        {
            "name": "kube-flannel",
            "image": settings.image,
            "command": ["/opt/bin/flanneld"],
            "args": ["--ip-masq", "--kube-subnet-mgr", *settings.extra_args],
            "env": env,
            "resources": settings.resources.render(cpu="100m", memory="50Mi"),
            "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}, "privileged": False},
            "volumeMounts": [mount("run", "/run/flannel"), mount("flannel-cfg", "/etc/kube-flannel/")],
        }
    ]
    if settings.network_policies_image:
        containers.append(_network_policies(settings.network_policies_image))
    install = {
        "name": "install-config",
        "image": settings.image,
        "command": ["cp"],
        "args": ["-f", "/etc/kube-flannel/cni-conf.json", "/etc/cni/net.d/10-flannel.conflist"],
        "resources": {},
        "volumeMounts": [mount("cni", "/etc/cni/net.d"), mount("flannel-cfg", "/etc/kube-flannel/")],
    }
    return {
        "affinity": {"nodeAffinity": node_affinity(LINUX)},
        "containers": containers,
        "hostNetwork": True,
        "initContainers": [install],
        "priorityClassName": "system-node-critical",
        "serviceAccountName": "flannel",
        "tolerations": TOLERATE_ALL,
        "volumes": [
            host_path("run", "/run/flannel"),
            host_path("cni", "/etc/cni/net.d"),
            config_map_volume("flannel-cfg", "kube-flannel-cfg"),
        ],
    }


def _network_policies(image: str) -> dict[str, Any]:
    return {
        "name": "kube-network-policies",
        "image": image,
        "args": ["/bin/netpol", "--hostname-override=$(MY_NODE_NAME)", "--v=2"],
        "env": [field_env("MY_NODE_NAME", "spec.nodeName")],
        "resources": {"requests": {"cpu": "100m", "memory": "50Mi"}},
        "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}, "privileged": True},
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)

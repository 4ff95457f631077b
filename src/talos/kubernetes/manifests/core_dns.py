"""CoreDNS: names of Services, and its Service at the tenth address of the service subnet.

Answers about the cluster itself are not cached by it (a Service that was just made must resolve at once), and queries
for other names go to the node's resolvers.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from talos.kubernetes.manifests.objects import (
    ARCHITECTURES,
    BOOTSTRAP_ROLE,
    LINUX,
    SYSTEM,
    Object,
    cluster_role,
    cluster_role_binding,
    config_map,
    metadata,
    mount,
    node_affinity,
    rule,
    service_account,
    service_account_subject,
)
from talos.kubernetes.manifests.settings import CoreDNS

APP = {"k8s-app": "kube-dns"}
NAME = {"kubernetes.io/name": "CoreDNS"}

COREFILE = """\
.:53 {{
    errors
    health {{
        lameduck 5s
    }}
    ready
    log . {{
        class error
    }}
    prometheus :9153

    kubernetes {domain} in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    forward . /etc/resolv.conf {{
       max_concurrent 1000
    }}
    cache 30 {{
       disable success {domain}
       disable denial {domain}
    }}
    loop
    reload
    loadbalance
}}
"""


def core_dns(settings: CoreDNS, domain: str) -> list[Object]:
    """ServiceAccount, ClusterRole and binding, ConfigMap, Deployment."""
    rules = [
        rule([""], ["endpoints", "services", "pods", "namespaces"], ["list", "watch"]),
        rule(["discovery.k8s.io"], ["endpointslices"], ["list", "watch"]),
    ]
    subject = service_account_subject("coredns")
    return [
        service_account("coredns"),
        cluster_role("system:coredns", rules, labels=BOOTSTRAP_ROLE["labels"]),
        cluster_role_binding("system:coredns", "system:coredns", [subject], **BOOTSTRAP_ROLE),
        config_map("coredns", {"Corefile": COREFILE.format(domain=domain)}),
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata("coredns", SYSTEM, labels={**APP, **NAME}),
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": APP},
                "strategy": {"rollingUpdate": {"maxUnavailable": 1}, "type": "RollingUpdate"},
                "template": {"metadata": {"labels": APP}, "spec": _pod(settings.image)},
            },
        },
    ]


def core_dns_service(service_ips: Sequence[str]) -> list[Object]:
    """The Service ``kube-dns``; dual stack when there is an address of each family."""
    families = ["IPv6" if ip_address(ip).version == 6 else "IPv4" for ip in service_ips]
    ports = [("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"), ("metrics", 9153, "TCP")]
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(
                "kube-dns",
                SYSTEM,
                annotations={"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
                labels={**APP, "kubernetes.io/cluster-service": "true", **NAME},
            ),
            "spec": {
                "clusterIP": service_ips[0],
                "clusterIPs": list(service_ips),
                "ipFamilies": families,
                "ipFamilyPolicy": "SingleStack" if len(families) == 1 else "RequireDualStack",
                "ports": [
                    {"name": name, "port": port, "protocol": protocol, "targetPort": port}
                    for name, port, protocol in ports
                ],
                "selector": APP,
            },
        }
    ]


def _pod(image: str) -> dict[str, Any]:
    container = {
        "name": "coredns",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "env": [{"name": "GOMEMLIMIT", "value": "161MiB"}],
        "livenessProbe": {
            "failureThreshold": 5,
            "httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"},
            "initialDelaySeconds": 60,
            "successThreshold": 1,
            "timeoutSeconds": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181, "scheme": "HTTP"}},
        "ports": [
            {"containerPort": 53, "name": "dns", "protocol": "UDP"},
            {"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"},
            {"containerPort": 9153, "name": "metrics", "protocol": "TCP"},
        ],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [mount("config-volume", "/etc/coredns", read_only=True)],
    }
    spread = {
        "podAffinityTerm": {
            "labelSelector": {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}]},
            "topologyKey": "kubernetes.io/hostname",
        },
        "weight": 100,
    }
    return {
        "affinity": {
            "nodeAffinity": node_affinity(LINUX, ARCHITECTURES),
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [spread]},
        },
        "containers": [container],
        "dnsPolicy": "Default",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        "tolerations": [
            {"effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane", "operator": "Exists"},
            {"effect": "NoSchedule", "key": "node.cloudprovider.kubernetes.io/uninitialized", "operator": "Exists"},
        ],
        "volumes": [
            {
                "name": "config-volume",
                "configMap": {"items": [{"key": "Corefile", "path": "Corefile"}], "name": "coredns"},
            }
        ],
    }

"""What a kubelet needs to join: the bootstrap token, and the right to request, get and renew its client certificate.

Source: kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping.
"""

from __future__ import annotations

from talos.kubernetes.manifests.objects import (
    BOOTSTRAP_ROLE,
    SYSTEM,
    Object,
    cluster_role,
    cluster_role_binding,
    config_map,
    group,
    metadata,
    rule,
)
from talos.kubernetes.manifests.settings import Settings

BOOTSTRAPPERS = "system:bootstrappers:nodes"
NODES = "system:nodes"

IN_CLUSTER_KUBECONFIG = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
    server: {server}
  name: local
contexts:
- context:
    cluster: local
    user: service-account
  name: local
current-context: local
kind: Config
users:
- name: service-account
  user:
    tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token
"""


def bootstrap_token(settings: Settings) -> list[Object]:
    """The token, of which the kubelets' bootstrap kubeconfigs hold a copy."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata(f"bootstrap-token-{settings.token_id}", SYSTEM),
            "stringData": {
                "auth-extra-groups": BOOTSTRAPPERS,
                "token-id": settings.token_id,
                "token-secret": settings.token_secret,
                "usage-bootstrap-authentication": "true",
            },
            "type": "bootstrap.kubernetes.io/token",
        }
    ]


def approver_binding() -> list[Object]:
    """Requests for a first client certificate are approved without a person."""
    role = "system:certificates.k8s.io:certificatesigningrequests:nodeclient"
    return [cluster_role_binding("system-bootstrap-approve-node-client-csr", role, [group(BOOTSTRAPPERS)])]


def bootstrapper_binding() -> list[Object]:
    """Bootstrap tokens, and nodes that lost their kubeconfig, may request a client certificate."""
    subjects = [group(BOOTSTRAPPERS), group(NODES)]
    return [cluster_role_binding("system-bootstrap-node-bootstrapper", "system:node-bootstrapper", subjects)]


def renewal_binding() -> list[Object]:
    """Nodes may renew their own client certificate."""
    role = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"
    return [cluster_role_binding("system-bootstrap-node-renewal", role, [group(NODES)])]


def in_cluster_kubeconfig(settings: Settings) -> list[Object]:
    """How pods on the host's network reach the API server before Services work."""
    data = {"kubeconfig": IN_CLUSTER_KUBECONFIG.format(server=settings.server)}
    return [config_map("kubeconfig-in-cluster", data)]


def node_roles() -> list[Object]:
    """What the operating system on a node asks with the kubelet's certificate.

    EndpointSlices: the control plane's addresses. Nodes: the other members of the cluster; since Kubernetes 1.34 the
    node authorizer shows a node only itself (KEP-4601), and before that it showed every node.
    """
    name = "system:talos-nodes"
    read = ("get", "list", "watch")
    rules = [rule(["discovery.k8s.io"], ["endpointslices"], read), rule([""], ["nodes"], read)]
    return [
        cluster_role_binding(name, name, [group(NODES)], **BOOTSTRAP_ROLE),
        cluster_role(name, rules, labels=BOOTSTRAP_ROLE["labels"]),
    ]

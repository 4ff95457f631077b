"""What the node tells about its own resource types and namespaces: `talosctl get rd` and `get namespaces`.

Made when somebody asks (200 resources that no controller reads would cost half a
megabyte on every node).
"""

from __future__ import annotations

from talos.resources.meta.namespace import NamespaceSpec
from talos.resources.meta.resource_definition import PrintColumn, ResourceDefinitionSpec
from talos.state.resource import Resource
from talos.state.spec import definition, registered

OWNER = "meta"

NAMESPACES = {
    "cluster": "Members of the cluster and how they find each other.",
    "cluster-raw": "Members of the cluster as each source reports them.",
    "config": "Machine configuration.",
    "containers": "Containers run by the node itself.",
    "controlplane": "Kubernetes control plane.",
    "cri": "Container runtime.",
    "etcd": "etcd.",
    "files": "Files that the node writes.",
    "hardware": "Hardware.",
    "k8s": "Kubernetes on every node.",
    "kubespan": "KubeSpan.",
    "meta": "Resource definitions and namespaces.",
    "network": "Network as it shall be and as it is.",
    "network-config": "Network as each source wants it, before it is merged.",
    "perf": "Counters.",
    "runtime": "The node itself.",
    "secrets": "Keys and certificates.",
    "security": "Verification of what runs.",
    "storage": "Storage.",
}
"""id → description of every namespace there is"""

_WITHOUT_AUTOMATIC_ALIASES = {"MountStatuses.runtime.talos.dev"}
"""its names belong to MountStatuses.block.talos.dev"""


def namespaces() -> list[Resource[NamespaceSpec]]:
    """The resources of all namespaces."""
    return [Resource.new(NamespaceSpec, id, NamespaceSpec(description=text)) for id, text in NAMESPACES.items()]


def resource_definitions() -> list[Resource[ResourceDefinitionSpec]]:
    """The resources of all imported types; the id is the type in lower case."""
    found = []
    for about in map(definition, registered()):
        bare = about.type in _WITHOUT_AUTOMATIC_ALIASES
        plural = about.type.partition(".")[0].lower()
        spec = ResourceDefinitionSpec(
            type=about.type,
            display_type=about.display,
            default_namespace=about.namespace,
            aliases=list(about.aliases),
            all_aliases=[
                *([] if bare or plural in about.all_aliases else [plural]),
                *about.all_aliases,
                *about.aliases,
            ],
            skip_automatic_aliases=bare,
            print_columns=[PrintColumn(name=name, json_path=path) for name, path in about.columns],
            sensitivity="sensitive" if about.sensitive else "",
        )
        found.append(Resource.new(ResourceDefinitionSpec, about.type.lower(), spec))
    return found

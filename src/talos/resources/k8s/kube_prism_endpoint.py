"""KubePrismEndpoint: resource type KubePrismEndpoints.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Part, Spec, resource


class KubePrismEndpoint(Part):
    """Message KubePrismEndpoint of the wire contract."""

    host: str = ""
    port: int = 0


@resource(
    type="KubePrismEndpoints.kubernetes.talos.dev",
    namespace="k8s",
    display="KubePrismEndpoint",
    aliases=("kubeprismendpoint", "kpe", "kpes"),
    all_aliases=("kubeprismendpoints", "kubeprismendpoints.kubernetes", "kubeprismendpoints.kubernetes.talos"),
    columns=(("Hosts", "{.endpoints[*].host}"), ("Ports", "{.endpoints[*].port}")),
    proto="talos.resource.definitions.k8s.KubePrismEndpointsSpec",
)
class KubePrismEndpointsSpec(Spec):
    """Spec of KubePrismEndpoints.kubernetes.talos.dev."""

    endpoints: list[KubePrismEndpoint] = []

"""Endpoint: resource type Endpoints.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Endpoints.kubernetes.talos.dev",
    namespace="controlplane",
    display="Endpoint",
    aliases=("endpoint",),
    all_aliases=("endpoints", "endpoints.kubernetes", "endpoints.kubernetes.talos"),
    columns=(("Addresses", "{.addresses}"), ("Hosts", "{.hosts}")),
    proto="talos.resource.definitions.k8s.EndpointSpec",
)
class EndpointSpec(Spec):
    """Spec of Endpoints.kubernetes.talos.dev."""

    addresses: list[str] = []
    hosts: list[str] = []

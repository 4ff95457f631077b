"""Namespace: resource type Namespaces.meta.cosi.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Namespaces.meta.cosi.dev",
    namespace="meta",
    display="Namespace",
    aliases=("ns", "namespace"),
    all_aliases=("namespaces", "namespaces.meta", "namespaces.meta.cosi"),
    proto="cosi.resource.meta.NamespaceSpec",
)
class NamespaceSpec(Spec):
    """Spec of Namespaces.meta.cosi.dev."""

    description: str = ""

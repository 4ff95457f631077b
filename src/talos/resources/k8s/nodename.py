"""Nodename: resource type Nodenames.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Nodenames.kubernetes.talos.dev",
    namespace="k8s",
    display="Nodename",
    aliases=("nodename",),
    all_aliases=("nodenames", "nodenames.kubernetes", "nodenames.kubernetes.talos"),
    columns=(("Nodename", "{.nodename}"),),
    proto="talos.resource.definitions.k8s.NodenameSpec",
)
class NodenameSpec(Spec):
    """Spec of Nodenames.kubernetes.talos.dev."""

    nodename: str = ""
    hostname_version: str = ""
    skip_node_registration: bool = False

"""NodeLabelSpec: resource type NodeLabelSpecs.k8s.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NodeLabelSpecs.k8s.talos.dev",
    namespace="k8s",
    display="NodeLabelSpec",
    aliases=("nodelabelspec", "nls"),
    all_aliases=("nodelabelspecs", "nodelabelspecs.k8s", "nodelabelspecs.k8s.talos"),
    columns=(("Value", "{.value}"),),
    proto="talos.resource.definitions.k8s.NodeLabelSpecSpec",
    sensitive=True,
)
class NodeLabelSpecSpec(Spec):
    """Spec of NodeLabelSpecs.k8s.talos.dev."""

    key: str = ""
    value: str = ""

"""NodeAnnotationSpec: resource type NodeAnnotationSpecs.k8s.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NodeAnnotationSpecs.k8s.talos.dev",
    namespace="k8s",
    display="NodeAnnotationSpec",
    aliases=("nodeannotationspec", "nas"),
    all_aliases=("nodeannotationspecs", "nodeannotationspecs.k8s", "nodeannotationspecs.k8s.talos"),
    columns=(("Value", "{.value}"),),
    proto="talos.resource.definitions.k8s.NodeAnnotationSpecSpec",
    sensitive=True,
)
class NodeAnnotationSpecSpec(Spec):
    """Spec of NodeAnnotationSpecs.k8s.talos.dev."""

    key: str = ""
    value: str = ""

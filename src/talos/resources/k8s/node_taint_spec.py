"""NodeTaintSpec: resource type NodeTaintSpecs.k8s.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NodeTaintSpecs.k8s.talos.dev",
    namespace="k8s",
    display="NodeTaintSpec",
    aliases=("nodetaintspec", "nts"),
    all_aliases=("nodetaintspecs", "nodetaintspecs.k8s", "nodetaintspecs.k8s.talos"),
    columns=(("Effect", "{.effect}"), ("Value", "{.value}")),
    proto="talos.resource.definitions.k8s.NodeTaintSpecSpec",
    sensitive=True,
)
class NodeTaintSpecSpec(Spec):
    """Spec of NodeTaintSpecs.k8s.talos.dev."""

    key: str = ""
    effect: str = ""
    value: str = ""

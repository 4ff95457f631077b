"""NodeCordonedSpec: resource type NodeCordonedSpecs.k8s.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NodeCordonedSpecs.k8s.talos.dev",
    namespace="k8s",
    display="NodeCordonedSpec",
    aliases=("nodecordonedspec", "ncs"),
    all_aliases=("nodecordonedspecs", "nodecordonedspecs.k8s", "nodecordonedspecs.k8s.talos"),
    sensitive=True,
)
class NodeCordonedSpecSpec(Spec):
    """Spec of NodeCordonedSpecs.k8s.talos.dev."""

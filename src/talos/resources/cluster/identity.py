"""Identity: resource type Identities.cluster.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Identities.cluster.talos.dev",
    namespace="cluster",
    display="Identity",
    aliases=("identity",),
    all_aliases=("identities", "identities.cluster", "identities.cluster.talos"),
    columns=(("ID", "{.nodeId}"),),
    proto="talos.resource.definitions.cluster.IdentitySpec",
)
class IdentitySpec(Spec):
    """Spec of Identities.cluster.talos.dev."""

    node_id: str = ""

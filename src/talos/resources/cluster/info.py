"""Info: resource type Infos.cluster.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Infos.cluster.talos.dev",
    namespace="cluster",
    display="Info",
    aliases=("info",),
    all_aliases=("infos", "infos.cluster", "infos.cluster.talos"),
    columns=(("Cluster ID", "{.clusterId}"), ("Cluster Name", "{.clusterName}")),
    proto="talos.resource.definitions.cluster.InfoSpec",
)
class InfoSpec(Spec):
    """Spec of Infos.cluster.talos.dev."""

    cluster_id: str = ""
    cluster_name: str = ""

"""StaticPodServerStatus: resource type StaticPodServerStatuses.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="StaticPodServerStatuses.kubernetes.talos.dev",
    namespace="k8s",
    display="StaticPodServerStatus",
    aliases=("staticpodserverstatus", "spss"),
    all_aliases=(
        "staticpodserverstatuses",
        "staticpodserverstatuses.kubernetes",
        "staticpodserverstatuses.kubernetes.talos",
    ),
    proto="talos.resource.definitions.k8s.StaticPodServerStatusSpec",
)
class StaticPodServerStatusSpec(Spec):
    """Spec of StaticPodServerStatuses.kubernetes.talos.dev."""

    url: str = ""

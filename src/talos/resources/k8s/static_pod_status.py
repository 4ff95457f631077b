"""StaticPodStatus: resource type StaticPodStatuses.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Spec, resource


@resource(
    type="StaticPodStatuses.kubernetes.talos.dev",
    namespace="k8s",
    display="StaticPodStatus",
    aliases=("podstatus", "staticpodstatus", "sps"),
    all_aliases=("staticpodstatuses", "staticpodstatuses.kubernetes", "staticpodstatuses.kubernetes.talos"),
    columns=(("Ready", '{.conditions[?(@.type=="Ready")].status}'),),
    proto="talos.resource.definitions.k8s.StaticPodStatusSpec",
    forms={"pod_status": "inline"},
)
class StaticPodStatusSpec(Spec):
    """Spec of StaticPodStatuses.kubernetes.talos.dev."""

    pod_status: dict[str, Any] = {}

"""StaticPod: resource type StaticPods.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Spec, resource


@resource(
    type="StaticPods.kubernetes.talos.dev",
    namespace="k8s",
    display="StaticPod",
    aliases=("staticpod", "sp", "sps"),
    all_aliases=("staticpods", "staticpods.kubernetes", "staticpods.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.StaticPodSpec",
    forms={"pod": "inline"},
)
class StaticPodSpec(Spec):
    """Spec of StaticPods.kubernetes.talos.dev."""

    pod: dict[str, Any] = {}

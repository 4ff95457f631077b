"""Manifest: resource type Manifests.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Spec, resource


@resource(
    type="Manifests.kubernetes.talos.dev",
    namespace="controlplane",
    display="Manifest",
    aliases=("manifest",),
    all_aliases=("manifests", "manifests.kubernetes", "manifests.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.ManifestSpec",
    forms={"items": "inline"},
)
class ManifestSpec(Spec):
    """Spec of Manifests.kubernetes.talos.dev."""

    items: list[dict[str, Any]] = []

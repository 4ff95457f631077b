"""ManifestStatus: resource type ManifestStatuses.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="ManifestStatuses.kubernetes.talos.dev",
    namespace="controlplane",
    display="ManifestStatus",
    aliases=("manifeststatus", "ms"),
    all_aliases=("manifeststatuses", "manifeststatuses.kubernetes", "manifeststatuses.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.ManifestStatusSpec",
)
class ManifestStatusSpec(Spec):
    """Spec of ManifestStatuses.kubernetes.talos.dev."""

    manifests_applied: list[str] = []

"""AcquireConfigStatus: resource type AcquireConfigStatuses.v1alpha1.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="AcquireConfigStatuses.v1alpha1.talos.dev",
    namespace="runtime",
    display="AcquireConfigStatus",
    aliases=("acquireconfigstatus", "acs"),
    all_aliases=("acquireconfigstatuses", "acquireconfigstatuses.v1alpha1", "acquireconfigstatuses.v1alpha1.talos"),
)
class AcquireConfigStatusSpec(Spec):
    """Spec of AcquireConfigStatuses.v1alpha1.talos.dev."""

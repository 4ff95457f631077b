"""AcquireConfigSpec: resource type AcquireConfigSpecs.v1alpha1.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="AcquireConfigSpecs.v1alpha1.talos.dev",
    namespace="runtime",
    display="AcquireConfigSpec",
    aliases=("acquireconfigspec", "acs"),
    all_aliases=("acquireconfigspecs", "acquireconfigspecs.v1alpha1", "acquireconfigspecs.v1alpha1.talos"),
)
class AcquireConfigSpecSpec(Spec):
    """Spec of AcquireConfigSpecs.v1alpha1.talos.dev."""

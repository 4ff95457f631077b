"""PCRStatus: resource type PCRStatuses.hardware.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="PCRStatuses.hardware.talos.dev",
    namespace="hardware",
    display="PCRStatus",
    aliases=("pcrstatus", "pcrs"),
    all_aliases=("pcrstatuses", "pcrstatuses.hardware", "pcrstatuses.hardware.talos"),
)
class PCRStatusSpec(Spec):
    """Spec of PCRStatuses.hardware.talos.dev."""

"""NTPStatus: resource type NTPStatuses.v1alpha1.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NTPStatuses.v1alpha1.talos.dev",
    namespace="runtime",
    display="NTPStatus",
    aliases=("ntpstatus", "ntps"),
    all_aliases=("ntpstatuses", "ntpstatuses.v1alpha1", "ntpstatuses.v1alpha1.talos"),
    columns=(("Spike Detected", "{.spikeDetected}"), ("Consecutive Spikes", "{.consecutiveSpikes}")),
    proto="talos.resource.definitions.time.NTPStatusSpec",
)
class NTPStatusSpec(Spec):
    """Spec of NTPStatuses.v1alpha1.talos.dev."""

    spike_detected: bool = False
    consecutive_spikes: int = 0

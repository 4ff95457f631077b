"""OOMAction: resource type OOMActions.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="OOMActions.talos.dev",
    namespace="runtime",
    display="OOMAction",
    aliases=("oomaction", "oomactions", "oomaction", "ooma", "oomas"),
    all_aliases=("oomactions.talos",),
    columns=(("Time", "{.time}"), ("Score", "{.score}")),
    proto="talos.resource.definitions.runtime.OOMActionSpec",
    sensitive=True,
    omit_empty=("trigger_context", "score", "processes"),
)
class OOMActionSpec(Spec):
    """Spec of OOMActions.talos.dev."""

    trigger_context: str = ""
    score: float = 0.0
    processes: list[str] = []

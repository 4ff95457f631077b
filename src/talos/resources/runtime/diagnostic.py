"""Diagnostic: resource type Diagnostics.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Diagnostics.runtime.talos.dev",
    namespace="runtime",
    display="Diagnostic",
    aliases=("diagnostic",),
    all_aliases=("diagnostics", "diagnostics.runtime", "diagnostics.runtime.talos"),
    columns=(("Message", "{.message}"),),
    proto="talos.resource.definitions.runtime.DiagnosticSpec",
)
class DiagnosticSpec(Spec):
    """Spec of Diagnostics.runtime.talos.dev."""

    message: str = ""
    details: list[str] = []

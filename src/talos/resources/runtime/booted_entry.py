"""BootedEntry: resource type BootedEntries.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="BootedEntries.talos.dev",
    namespace="runtime",
    display="BootedEntry",
    aliases=("bootedentry", "be", "bes"),
    all_aliases=("bootedentries", "bootedentries.talos"),
    columns=(("Booted Entry", "{.bootedEntry}"),),
    proto="talos.resource.definitions.runtime.BootedEntrySpec",
    omit_empty=("booted_entry",),
)
class BootedEntrySpec(Spec):
    """Spec of BootedEntries.talos.dev."""

    booted_entry: str = ""

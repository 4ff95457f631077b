"""MetaLoad: resource type MetaLoads.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="MetaLoads.runtime.talos.dev",
    namespace="runtime",
    display="MetaLoad",
    aliases=("metaload", "ml", "mls"),
    all_aliases=("metaloads", "metaloads.runtime", "metaloads.runtime.talos"),
    columns=(("Done", "{.done}"),),
    proto="talos.resource.definitions.runtime.MetaLoadedSpec",
)
class MetaLoadedSpec(Spec):
    """Spec of MetaLoads.runtime.talos.dev."""

    done: bool = False

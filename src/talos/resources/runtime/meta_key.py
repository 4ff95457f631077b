"""MetaKey: resource type MetaKeys.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="MetaKeys.runtime.talos.dev",
    namespace="runtime",
    display="MetaKey",
    aliases=("meta", "metakey", "mk", "mks"),
    all_aliases=("metakeys", "metakeys.runtime", "metakeys.runtime.talos"),
    columns=(("Value", "{.value}"),),
    proto="talos.resource.definitions.runtime.MetaKeySpec",
)
class MetaKeySpec(Spec):
    """Spec of MetaKeys.runtime.talos.dev."""

    value: str = ""

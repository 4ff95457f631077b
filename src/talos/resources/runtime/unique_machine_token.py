"""UniqueMachineToken: resource type UniqueMachineTokens.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="UniqueMachineTokens.runtime.talos.dev",
    namespace="runtime",
    display="UniqueMachineToken",
    aliases=("uniquemachinetoken", "umt", "umts"),
    all_aliases=("uniquemachinetokens", "uniquemachinetokens.runtime", "uniquemachinetokens.runtime.talos"),
    columns=(("Token", "{.token}"),),
    proto="talos.resource.definitions.runtime.UniqueMachineTokenSpec",
)
class UniqueMachineTokenSpec(Spec):
    """Spec of UniqueMachineTokens.runtime.talos.dev."""

    token: str = ""

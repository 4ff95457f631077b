"""RebootRequest: resource type RebootRequests.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="RebootRequests.runtime.talos.dev",
    namespace="runtime",
    display="RebootRequest",
    aliases=("rebootrequest", "rr", "rrs"),
    all_aliases=("rebootrequests", "rebootrequests.runtime", "rebootrequests.runtime.talos"),
)
class RebootRequestSpec(Spec):
    """Spec of RebootRequests.runtime.talos.dev."""

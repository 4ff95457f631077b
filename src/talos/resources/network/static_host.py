"""StaticHost: resource type StaticHosts.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="StaticHosts.net.talos.dev",
    namespace="network",
    display="StaticHost",
    aliases=("statichost", "sh", "shs"),
    all_aliases=("statichosts", "statichosts.net", "statichosts.net.talos"),
    columns=(("Addresses", "{.addresses}"),),
    proto="talos.resource.definitions.network.StaticHostSpec",
)
class StaticHostSpec(Spec):
    """Spec of StaticHosts.net.talos.dev."""

    addresses: list[str] = []

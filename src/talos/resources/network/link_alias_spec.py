"""LinkAliasSpec: resource type LinkAliasSpecs.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="LinkAliasSpecs.net.talos.dev",
    namespace="network",
    display="LinkAliasSpec",
    aliases=("linkaliasspec", "las"),
    all_aliases=("linkaliasspecs", "linkaliasspecs.net", "linkaliasspecs.net.talos"),
    columns=(("Alias", "{.alias}"),),
    proto="talos.resource.definitions.network.LinkAliasSpecSpec",
)
class LinkAliasSpecSpec(Spec):
    """Spec of LinkAliasSpecs.net.talos.dev."""

    alias: str = ""

"""BlockSymlink: resource type BlockSymlinks.block.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="BlockSymlinks.block.talos.dev",
    namespace="runtime",
    display="BlockSymlink",
    aliases=("blocksymlink", "bs"),
    all_aliases=("blocksymlinks", "blocksymlinks.block", "blocksymlinks.block.talos"),
    proto="talos.resource.definitions.block.SymlinkSpec",
)
class SymlinkSpec(Spec):
    """Spec of BlockSymlinks.block.talos.dev."""

    paths: list[str] = []

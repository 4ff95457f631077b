"""BootID: resource type BootIDs.runtime.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="BootIDs.runtime.talos.dev",
    namespace="runtime",
    display="BootID",
    aliases=("bootid", "bid", "bids"),
    all_aliases=("bootids", "bootids.runtime", "bootids.runtime.talos"),
    columns=(("Boot ID", "{.bootID}"),),
    proto="talos.resource.definitions.runtime.BootIDSpec",
)
class BootIDSpec(Spec):
    """Spec of BootIDs.runtime.talos.dev."""

    boot_id: str = msgspec.field(default="", name="bootID")

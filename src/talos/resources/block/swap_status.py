"""SwapStatus: resource type SwapStatuses.block.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="SwapStatuses.block.talos.dev",
    namespace="runtime",
    display="SwapStatus",
    aliases=("swap", "swaps", "swapstatus", "ss"),
    all_aliases=("swapstatuses", "swapstatuses.block", "swapstatuses.block.talos"),
    columns=(("Device", "{.device}"), ("Size", "{.sizeHuman}"), ("Used", "{.usedHuman}"), ("Priority", "{.priority}")),
    proto="talos.resource.definitions.block.SwapStatusSpec",
    proto_names={"size": "size_bytes", "used": "used_bytes"},
)
class SwapStatusSpec(Spec):
    """Spec of SwapStatuses.block.talos.dev."""

    device: str = ""
    type: str = ""
    size: int = 0
    size_human: str = ""
    used: int = 0
    used_human: str = ""
    priority: int = 0

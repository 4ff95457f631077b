"""Whether the clock may be trusted: nothing is issued before, or certificates would begin in the future.

A container shares its host's clock, which is not ours to judge or to set.
"""

from __future__ import annotations

from talos.resources.time import StatusSpec
from talos.state import Input, Runtime

TIME_STATUS = Input(StatusSpec, id="node")


async def time_is_synced(rt: Runtime) -> bool:
    """True when the clock is synchronized, or synchronization is none of the node's business."""
    if rt.env.in_container:
        return True
    status = await rt.get_or_none(StatusSpec, "node")
    return status is not None and status.spec.synced

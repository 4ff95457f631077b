"""Swap areas that are in use, and how much of them: /proc/swaps, read again and again, since no event tells of it."""

from __future__ import annotations

from talos.controllers.publish import publish
from talos.linux import swap
from talos.linux.block import size_text
from talos.resources.block import SwapStatusSpec, VolumeStatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

_AGAIN_S = 30.0


def statuses(areas: list[swap.SwapArea]) -> dict[str, SwapStatusSpec]:
    """By path."""
    return {
        area.path: SwapStatusSpec(
            device=area.path,
            type=area.kind,
            size=area.size,
            size_human=size_text(area.size),
            used=area.used,
            used_human=size_text(area.used),
            priority=area.priority,
        )
        for area in areas
    }


class SwapStatusController(Controller):
    name = "block.SwapStatusController"
    inputs = (Input(VolumeStatusSpec),)
    outputs = (Output(SwapStatusSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return  # what /proc tells there is the host's
        try:
            found = swap.areas(rt.env.path("/proc/swaps"))
        except FileNotFoundError:
            return  # a kernel without swap
        await publish(rt, SwapStatusSpec, statuses(found))
        if found:
            rt.requeue_after(_AGAIN_S)

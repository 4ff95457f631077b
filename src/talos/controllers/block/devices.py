"""Block devices as they come and go. A container has none of its own: what it sees is its host's."""

from __future__ import annotations

import asyncio

from talos.controllers.publish import publish
from talos.linux import block
from talos.linux.uevent import Uevent, UeventMonitor
from talos.resources.block import DeviceSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

_SETTLE_S = 0.05
"""partitions of a new table are told of one by one"""


def spec(device: block.BlockDevice, generation: int) -> DeviceSpec:
    """One device's resource."""
    return DeviceSpec(
        type="partition" if device.is_partition else "disk",
        major=device.major,
        minor=device.minor,
        partition_name=device.partition_name,
        partition_number=device.partition,
        device_path=device.path,
        generation=generation,
        parent=device.parent,
        secondaries=list(device.secondaries),
    )


class DevicesController(Controller):
    name = "block.DevicesController"
    outputs = (Output(DeviceSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._generations: dict[str, int] = {}

    async def run(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return

        def received(event: Uevent) -> None:
            if event.subsystem == "block":
                name = event.device.rpartition("/")[2]
                self._generations[name] = self._generations.get(name, 0) + 1
                rt.trigger()

        def lost() -> None:
            self._generations = {name: number + 1 for name, number in self._generations.items()}
            rt.trigger()

        monitor = UeventMonitor(received, lost)
        try:
            async for _ in rt.events():
                found = await asyncio.to_thread(lambda: list(block.devices(rt.env.path("/sys"))))
                specs = {one.name: spec(one, self._generations.setdefault(one.name, 1)) for one in found}
                await publish(rt, DeviceSpec, specs)
                await asyncio.sleep(_SETTLE_S)
        finally:
            monitor.close()

"""Loads what the machine's devices want: at start for all that there are, then for each one that is plugged in.

Device nodes come from the kernel's devtmpfs. In a container the devices are the host's: nothing is loaded, and they are
ready at once.
"""

from __future__ import annotations

import asyncio

from talos.linux.modules import ModuleTree, canonical, modaliases
from talos.linux.uevent import Uevent, UeventMonitor
from talos.resources.runtime import DevicesStatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

ID = "devices"
_ROUNDS = 8
"""A driver for a bus brings devices that want drivers (PCI, then SCSI host, then disk)."""
_SETTLE_S = 0.05


class DevicesStatusController(Controller):
    name = "runtime.DevicesStatusController"
    outputs = (Output(DevicesStatusSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._pending: set[str] = set()
        self._tried: set[str] = set()
        self._all = False

    async def run(self, rt: Runtime) -> None:
        if rt.env.in_container:
            async for _ in rt.events():
                await self._ready(rt)
            return

        def received(event: Uevent) -> None:
            if event.action == "add" and event.modalias:
                self._pending.add(event.modalias)
                rt.trigger()

        def lost() -> None:
            self._all = True
            rt.trigger()

        monitor = UeventMonitor(received, lost)  # before the first look: what comes in between is not missed
        tree = ModuleTree(rt.env.root, rt.env.arguments)
        try:
            await self._all_devices(rt, tree)
            await self._ready(rt)
            async for _ in rt.events():
                await asyncio.sleep(_SETTLE_S)
                await self._ready(rt)
                if self._all:
                    self._all = False
                    await self._all_devices(rt, tree)
                pending, self._pending = self._pending, set()
                await self._load(rt, tree, pending)
        finally:
            monitor.close()

    async def _ready(self, rt: Runtime) -> None:
        await rt.modify(DevicesStatusSpec, ID, lambda _old: DevicesStatusSpec(ready=True))

    async def _all_devices(self, rt: Runtime, tree: ModuleTree) -> None:
        for _ in range(_ROUNDS):
            found = await asyncio.to_thread(modaliases, rt.env.path("/sys"))
            if not await self._load(rt, tree, found):
                return

    async def _load(self, rt: Runtime, tree: ModuleTree, aliases: set[str]) -> bool:
        """Whether anything was loaded. A modalias is tried once: what the kernel refused it will refuse again."""
        new = aliases - self._tried
        if not new:
            return False
        self._tried |= new
        wanted = await asyncio.to_thread(tree.wanted_by, new)
        skipped = tree.refused() | tree.loaded()  # most were loaded before the services were forked
        modules = dict.fromkeys(name for names in wanted.values() for name in names if canonical(name) not in skipped)
        loaded: list[str] = []
        for name in modules:
            try:
                loaded += await asyncio.to_thread(tree.load, [name])
            except OSError as error:
                rt.log.warning("module %s: %s", name, error)
        if loaded:
            rt.log.info("loaded %s", ", ".join(loaded))
        return bool(loaded)

"""Runs the controllers of one process.

Each controller fails alone: its exception is logged, its tasks end, and it starts
again after a back-off. Only what would make the node's behaviour undefined (two
controllers that claim one exclusive output) stops the runtime from starting.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from talos.state.clock import Clock, LoopClock
from talos.state.controller import Controller, OutputMode
from talos.state.errors import UnavailableError
from talos.state.interface import State
from talos.state.runtime import Runtime
from talos.state.spec import definition

log = logging.getLogger("controller-runtime")


def check_outputs(controllers: Iterable[type[Controller] | Controller]) -> None:
    """ValueError when an exclusive output has another writer, or two controllers one name."""
    writers: dict[str, list[tuple[str, OutputMode]]] = {}
    names: set[str] = set()
    for controller in controllers:
        if controller.name in names:
            raise ValueError(f"two controllers are called {controller.name}")
        names.add(controller.name)
        for output in controller.outputs:
            writers.setdefault(definition(output.kind).type, []).append((controller.name, output.mode))
    for kind, found in writers.items():
        if len(found) > 1 and any(mode is OutputMode.EXCLUSIVE for _, mode in found):
            claims = ", ".join(f"{name} ({mode.value})" for name, mode in found)
            raise ValueError(f"{kind} is an exclusive output and has more than one writer: {claims}")


class ControllerRuntime:
    """Starts, restarts and stops controllers on a state."""

    def __init__(
        self,
        state: State,
        controllers: Iterable[type[Controller] | Controller],
        env: Any = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.controllers = [c() if isinstance(c, type) else c for c in controllers]
        check_outputs(self.controllers)
        self._state = state
        self._env = env
        self._clock: Clock = clock or getattr(env, "clock", None) or LoopClock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.runtimes: dict[str, Runtime] = {}

    def start(self) -> None:
        """Start all controllers; they do their first work when the loop runs."""
        for controller in self.controllers:
            if controller.name not in self._tasks:
                self._tasks[controller.name] = asyncio.get_running_loop().create_task(
                    self._keep_running(controller), name=f"controller {controller.name}"
                )

    def add(self, controllers: Iterable[type[Controller]]) -> None:
        """Further controllers, which start at once. ValueError as of `check_outputs`: none of them starts then."""
        together = [*self.controllers, *(c() for c in controllers)]
        check_outputs(together)
        self.controllers = together
        self.start()

    async def run(self) -> None:
        """Start, and run until cancelled."""
        self.start()
        try:
            await asyncio.gather(*self._tasks.values())
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Cancel all controllers and wait until they have ended."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> ControllerRuntime:
        self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def _keep_running(self, controller: Controller) -> None:
        rt = self.runtimes[controller.name] = Runtime(controller, self._state, self._env, clock=self._clock)
        rt.log.debug("controller starting")
        try:
            while True:
                try:
                    await self._state.ready()
                    await rt.open()
                    await rt.supervise(controller.run(rt))
                    rt.log.debug("controller finished")
                    return
                except UnavailableError as error:
                    # the state's process restarts: nothing is wrong with the controller
                    rt.log.info("waits for the state: %s", error)
                    await self._clock.sleep(rt.backoff.next())
                except Exception as error:
                    delay = rt.backoff.next()
                    reason = error or type(error).__name__
                    rt.log.error("controller failed, restarting in %.1fs: %s", delay, reason, exc_info=True)
                    await self._clock.sleep(delay)
        finally:
            rt.close()

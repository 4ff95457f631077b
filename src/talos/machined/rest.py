"""What machined imports when it already runs: everything but what the first answer of the API needs.

Two thirds of machined's modules do nothing for that answer, and it has to import them alone: no other service shares
them. So they are imported when the API has its certificate, while the event loop has nothing else to do, a few at a
time. A call whose handler is not there yet has the handlers imported at once and waits for them; a controller starts
with the others of the rest. A module that cannot be imported ends machined, which the zygote starts again, as it would
at the start.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from talos import resources
from talos.machined import rpc
from talos.resources.secrets import APICertsSpec
from talos.state.controller import Controller
from talos.state.discovery import in_modules, modules

if TYPE_CHECKING:
    from talos.state.controller_runtime import ControllerRuntime
    from talos.state.interface import State

_PACKAGE = "talos.controllers"
PACKAGES = (_PACKAGE, "talos.machined.controllers")
EARLY_CONTROLLERS = (
    *modules(f"{_PACKAGE}.network"),
    *modules(f"{_PACKAGE}.access"),
    f"{_PACKAGE}.config.machine_type",
    *(
        f"{_PACKAGE}.secrets.{name}"
        for name in (
            "api", "api_cert_sans", "api_service_config", "cert_sans", "maintenance_cert_sans", "maintenance_root",
            "root_os", "trustd",
        )
    ),
)  # fmt: skip
"""modules of the controllers between a node's start and its API's certificate: addresses, names, authorities"""
EARLY_HANDLERS = (f"{rpc.API_PACKAGE}.version",)

PROCESS = "machined"
GAP_S = 0.002
"""the event loop has nothing to do if so long a sleep ends in time"""
SLICE_S = 0.005
"""imported without looking whether there is something else to do"""
HEAD_START_S = 5.0
"""a node that gets no certificate so long (it has no address yet) gets the rest all the same"""
BUSY_LIMIT_S = 10.0
"""a loop that is never idle gets the rest all the same"""


class Rest:
    """The modules that are left, and who waits for them."""

    def __init__(self, running: Iterable[type[Controller]]) -> None:
        self._running = frozenset(running)
        self._all: list[str] = []
        self._controllers: deque[str] = deque()
        self._handlers: deque[str] = deque()
        self._asked = asyncio.Event()
        self._handlers_are_there = asyncio.Event()

    async def handlers(self) -> None:
        """Return when every handler is imported, which begins now."""
        self._asked.set()
        await self._handlers_are_there.wait()

    async def run(self, state: State, runtime: ControllerRuntime, api: rpc.MachineApi) -> None:
        """Import the rest and start its controllers. Whatever an import raises; ValueError: what is there now does not
        fit together."""
        await self._head_start(state)
        self._all = [name for package in PACKAGES for name in modules(package)]
        self._controllers.extend(name for name in self._all if name not in EARLY_CONTROLLERS)
        self._handlers.extend(name for name in rpc.handler_modules() if name not in EARLY_HANDLERS)
        limit = time.monotonic() + BUSY_LIMIT_S
        while self._controllers or self._handlers:
            await self._idle(limit)
            until = time.monotonic() + SLICE_S
            while (queue := self._next()) and time.monotonic() < until:
                importlib.import_module(queue.popleft())
            if not self._handlers and not self._handlers_are_there.is_set():
                api.check_handlers()
                self._handlers_are_there.set()
            if not self._controllers and self._all:
                resources.load()
                runtime.add(c for c in in_modules(self._all, PROCESS) if c not in self._running)
                self._all = []

    async def _head_start(self, state: State) -> None:
        """Until the API has its certificate, somebody waits for handlers, or the limit."""
        waits = [asyncio.create_task(state.wait_for(APICertsSpec, "api")), asyncio.create_task(self._asked.wait())]
        try:
            await asyncio.wait(waits, timeout=HEAD_START_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    def _next(self) -> deque[str]:
        if self._handlers and (self._asked.is_set() or not self._controllers):
            return self._handlers
        return self._controllers

    async def _idle(self, limit: float) -> None:
        """Until nothing else wants the event loop, somebody waits for handlers, or it has been busy for long."""
        while not (self._asked.is_set() and self._handlers) and (began := time.monotonic()) < limit:
            await asyncio.sleep(GAP_S)
            if time.monotonic() - began < 2 * GAP_S:
                return
        await asyncio.sleep(0)

"""Sends logs to destinations: those of services to machine.logging and, where the configuration says `debug: true`, to
the consoles; the kernel's to what KmsgLogConfig says.

One task reads all files, whoever writes them; each destination has a queue of its own and takes from it when it can. A
full queue loses its oldest lines and says how many: a destination that is away must neither hold up others nor fill
the node's memory. What was on its way when a connection ended comes again. What was written before a destination was
configured is not sent; the kernel's log is, from its start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talos.at_first_use import at_first_use
from talos.config.view.model import LogDestination
from talos.linux import kmsg
from talos.linux.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify
from talos.machined import log_lines
from talos.machined.configuration import ACTIVE
from talos.machined.line_sender import send_lines
from talos.resources.config import MachineConfigSpec
from talos.resources.runtime import KmsgLogConfigSpec
from talos.state.inmemory import InMemoryState

if TYPE_CHECKING:
    from talos.machined import log_console
else:  # hardly any configuration asks for it
    log_console = at_first_use("talos.machined.log_console")

log = logging.getLogger("machined.logs")

KERNEL_LOG = "kernel"
FORMATS = frozenset({"", "json_lines"})
"""the only one there is, and what stands for it"""
CONSOLES = LogDestination(url="console:")
"""the node's own, for `debug: true`"""
OWN = "machined"
"""its lines reach the consoles anyway"""
QUEUE = 4096
"""lines that wait for a destination"""
BATCH = 256
FIRST_WAIT_S = 1.0
MAX_WAIT_S = 60.0
_READ = 256 << 10
_MAX_LINE = 64 << 10


class Queue:
    """Lines that wait for one destination."""

    def __init__(self, destination: LogDestination, kernel: bool) -> None:
        self.destination, self.kernel = destination, kernel
        self.tags: Mapping[str, str] = dict(destination.tags)
        self.for_people = destination == CONSOLES
        self._lines: deque[bytes] = deque()
        self._lost = 0
        self._some = asyncio.Event()

    def put(self, line: bytes) -> None:
        """Behind the others; the oldest goes if there is no room."""
        if len(self._lines) >= QUEUE:
            self._lines.popleft()
            self._lost += 1
        self._lines.append(line)
        self._some.set()

    def _lost_line(self, count: int) -> bytes:
        if self.for_people:
            return log_console.lost_line(count)
        return log_lines.lost_line(count, datetime.now(UTC), self.tags)

    async def batches(self) -> AsyncGenerator[list[bytes], None]:
        """What waits, as it comes. A batch counts as sent when the next one is asked for."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._lines:
                lost, self._lost = self._lost, 0
                batch = [self._lines.popleft() for _ in range(min(BATCH, len(self._lines)))]
                try:
                    yield [*([self._lost_line(lost)] if lost else []), *batch]
                except GeneratorExit:
                    self._lost += lost
                    self._lines.extendleft(reversed(batch))
                    self._some.set()
                    raise


class LogSinks:
    """A task for each destination, as the configuration changes, and readers while there is any.

    `folder` holds ID.log; `kernel` is the kernel's log, None for a node in a container.
    """

    def __init__(
        self,
        folder: Path,
        kernel: Path | None,
        state: InMemoryState,
        wanted: Callable[[], tuple[LogDestination, ...]],
    ) -> None:
        self._folder, self._kernel, self._state, self._wanted = folder, kernel, state, wanted
        self._kernel_urls: tuple[str, ...] = ()
        self._queues: dict[tuple[LogDestination, bool], tuple[Queue, asyncio.Task[None]]] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_config())
                group.create_task(self._follow_kernel_config())
        finally:
            tasks = [task for _, task in self._queues.values()] + list(self._readers.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow_config(self) -> None:
        async with self._state.watch(MachineConfigSpec, ACTIVE) as events:
            self._apply()
            async for _ in events:
                self._apply()

    async def _follow_kernel_config(self) -> None:
        async with self._state.watch(KmsgLogConfigSpec) as events:
            async for _ in events:
                found = await self._state.list(KmsgLogConfigSpec)
                self._kernel_urls = tuple(url for resource in found for url in resource.spec.destinations)
                self._apply()

    def _apply(self) -> None:
        wanted = {(destination, False) for destination in self._wanted() if destination.format in FORMATS}
        wanted |= {(LogDestination(url=url), True) for url in self._kernel_urls}
        for key in self._queues.keys() - wanted:
            self._queues.pop(key)[1].cancel()
        for key in wanted - self._queues.keys():
            queue = Queue(*key)
            task = asyncio.create_task(_forever(queue), name=f"logs to {key[0].url}")
            self._queues[key] = (queue, task)
        kinds = {kernel for _, kernel in self._queues}
        self._keep("files", bool(kinds) if self._kernel is None else False in kinds, self._read_files)
        self._keep("kernel", self._kernel is not None and True in kinds, self._read_kernel)

    def _keep(self, name: str, wanted: bool, read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have this reader, or not."""
        if wanted and name not in self._readers:
            self._readers[name] = asyncio.create_task(read(), name=f"reader of logs: {name}")
            self._readers[name].add_done_callback(_reader_ended)
        elif not wanted and name in self._readers:
            self._readers.pop(name).cancel()

    async def _read_files(self) -> None:
        places: dict[str, tuple[int, bytes]] = {}
        with contextlib.suppress(FileNotFoundError):
            places = {path.name: (path.stat().st_size, b"") for path in self._folder.glob("*.log")}
        async with Inotify() as changes:
            changes.add(self._folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO)
            async for change in changes:
                if change.name.endswith(".log"):
                    places[change.name] = await self._read_file(change.name, *places.get(change.name, (0, b"")))

    async def _read_file(self, name: str, at: int, rest: bytes) -> tuple[int, bytes]:
        """What is new in a file: where it ends, and the beginning of a line that is not whole yet."""
        try:
            with (self._folder / name).open("rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_size < at:  # it was cut (talos.machined.logs)
                    at, rest = 0, b""
                file.seek(at)
                while data := file.read(_READ):
                    at += len(data)
                    *lines, rest = (rest + data).split(b"\n")
                    if len(rest) > _MAX_LINE:
                        lines, rest = [*lines, rest], b""
                    self._publish(name.removesuffix(".log"), lines)
                    await asyncio.sleep(0)
        except OSError:
            return 0, b""
        return at, rest

    def _publish(self, service: str, lines: list[bytes]) -> None:
        now, kernel = datetime.now(UTC), service == KERNEL_LOG
        for queue, _ in self._queues.values():
            if queue.for_people:
                if not kernel and service != OWN:
                    for line in filter(None, lines):
                        queue.put(log_console.line(service, line))
            elif queue.kernel == kernel:
                for line in filter(None, lines):
                    queue.put(
                        log_lines.console_line(line, now)
                        if kernel
                        else log_lines.service_line(service, line, now, queue.tags)
                    )

    async def _read_kernel(self) -> None:
        assert self._kernel is not None
        boot_ns = kmsg.boot_time_ns()
        async with aclosing(kmsg.raw_records(self._kernel, follow=True, only_new=False)) as records:
            async for record in records:
                line = log_lines.kernel_line(kmsg.parse(record), boot_ns)
                for queue, _ in self._queues.values():
                    if queue.kernel:
                        queue.put(line)


def _reader_ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("%s failed, nothing of them is sent any more: %s", task.get_name(), task.exception())


async def _forever(queue: Queue) -> None:
    """Send, and after a fault again, waiting longer each time up to a minute."""
    wait, told, url = FIRST_WAIT_S, "", queue.destination.url
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await (log_console.show_lines(queue.batches()) if queue.for_people else send_lines(url, queue.batches()))
        except (OSError, TimeoutError) as error:
            text = str(error) or type(error).__name__
            if text != told:
                told = text
                log.warning("logs do not reach %s, they wait: %s", url, text)
        if asyncio.get_running_loop().time() - began > MAX_WAIT_S:
            wait, told = FIRST_WAIT_S, ""
        await asyncio.sleep(wait)
        wait = min(wait * 2, MAX_WAIT_S)

"""How programs end: PID 1 publishes every exit in a file (os/init/README.md); this reads it.

`wait(process)` answers at once for a process that ended while machined was away. The end itself is noticed through a
pidfd, which is immediate and needs no PID 1; the status then comes from the file. A process whose line never appears
(a supervisor run by hand, as in tests, where PID 1 is the host's) has ended with status None.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from talos.linux.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify
from talos.linux.process import ProcessId, alive

log = logging.getLogger("machined.exits")

INIT_DIR = Path("/run/init")
_REMEMBER = 4096
_STATUS_WAIT_S = 2.0


class ExitLog:
    """Follows `events` of PID 1. `on_signal(number)` is called for signals that PID 1 was sent."""

    def __init__(self, directory: Path = INIT_DIR, on_signal: Callable[[int], None] | None = None) -> None:
        self._directory = directory
        self._on_signal = on_signal
        self._seen: OrderedDict[ProcessId, int] = OrderedDict()
        self._waiting: dict[ProcessId, asyncio.Future[int]] = {}
        self._last = 0
        self._offset = 0
        self._inode = 0
        self._caught_up = False

    def load(self) -> None:
        """Read what happened before; signals of that time have had their effect or are void."""
        self._read_file(self._directory / "events.old", whole=True)
        self._read_new()
        self._caught_up = True

    async def follow(self) -> None:
        """Read for ever."""
        if not self._directory.is_dir():
            log.warning("%s does not exist: exit statuses of programs will not be known", self._directory)
            return
        async with Inotify() as changes:
            changes.add(self._directory, IN_MODIFY | IN_CREATE | IN_MOVED_TO)
            self._read_new()
            async for change in changes:
                if change.name == "events":
                    self._read_new()

    async def wait(self, process: ProcessId) -> int | None:
        """Raw wait status (os.waitstatus_to_exitcode reads it) once the process has ended, None if unknown."""
        known = self._seen.get(process)
        if known is not None:
            return known
        await self._ended(process)
        known = self._seen.get(process)
        if known is not None:
            return known
        if not self._directory.is_dir():
            return None
        future = self._waiting.setdefault(process, asyncio.get_running_loop().create_future())
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(future), _STATUS_WAIT_S)
        self._waiting.pop(process, None)
        return None

    async def _ended(self, process: ProcessId) -> None:
        try:
            fd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return
        try:
            if not alive(process):
                return
            loop = asyncio.get_running_loop()
            ended = loop.create_future()
            loop.add_reader(fd, _set, ended)
            try:
                await ended
            finally:
                loop.remove_reader(fd)
        finally:
            os.close(fd)

    def _read_new(self) -> None:
        path = self._directory / "events"
        try:
            inode = path.stat().st_ino
        except FileNotFoundError:
            return
        if inode != self._inode:
            if self._inode:
                self._read_file(self._directory / "events.old", whole=False)
            self._inode, self._offset = inode, 0
        self._read_file(path, whole=False)

    def _read_file(self, path: Path, *, whole: bool) -> None:
        try:
            with path.open("rb") as file:
                if not whole:
                    file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        end = data.rfind(b"\n") + 1
        if not whole:
            self._offset += end
        for line in data[:end].splitlines():
            self._line(line.decode(errors="replace"))

    def _line(self, line: str) -> None:
        fields = line.split()
        try:
            sequence, kind = int(fields[0]), fields[1]
            numbers = [int(field) for field in fields[2:]]
        except (ValueError, IndexError):
            log.warning("unreadable line from PID 1: %r", line)
            return
        if sequence <= self._last:
            return
        self._last = sequence
        if kind == "exit" and len(numbers) == 3:
            process = ProcessId(numbers[0], numbers[1])
            self._seen[process] = numbers[2]
            while len(self._seen) > _REMEMBER:
                self._seen.popitem(last=False)
            future = self._waiting.pop(process, None)
            if future is not None and not future.done():
                future.set_result(numbers[2])
        elif kind == "signal" and numbers and self._caught_up and self._on_signal is not None:
            self._on_signal(numbers[0])


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def describe(status: int | None) -> str:
    """A wait status in words."""
    if status is None:
        return "ended, status unknown"
    code = os.waitstatus_to_exitcode(status)
    return f"exit status {code}" if code >= 0 else f"killed by signal {-code}"

"""inotify(7) as an asynchronous iterator: the kernel says what changed, nobody polls.

All watchers of a process share one inotify instance: the kernel allows a user 128 of them by default
(fs.inotify.max_user_instances, not namespaced), and the nodes of a local cluster, with all their pods, are one user.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections import deque
from pathlib import Path
from typing import NamedTuple

from talos.linux.libc import check, libc

IN_MODIFY = 0x002
IN_ATTRIB = 0x004
IN_CLOSE_WRITE = 0x008
IN_MOVED_FROM = 0x040
IN_MOVED_TO = 0x080
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
_IN_MASK_ADD = 0x20000000
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_HEADER = struct.Struct("iIII")


class Change(NamedTuple):
    """One event: which watch, what happened (mask), and the name inside a watched directory."""

    watch: int
    mask: int
    name: str


class _Instance:
    """The instance of one event loop; it lives as long as somebody watches something."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.watches: dict[int, dict[Inotify, int]] = {}
        self._fd = check(libc().inotify_init1(_NONBLOCK_CLOEXEC), "inotify_init1")
        loop.add_reader(self._fd, self._read)

    def add(self, reader: Inotify, path: str | Path, mask: int) -> int:
        # The same file gets the same number whoever asks, hence MASK_ADD: one watcher must not narrow another's.
        number = check(
            libc().inotify_add_watch(self._fd, os.fsencode(path), mask | _IN_MASK_ADD), "inotify_add_watch", str(path)
        )
        readers = self.watches.setdefault(number, {})
        readers[reader] = readers.get(reader, 0) | mask
        return number

    def remove(self, reader: Inotify) -> None:
        for number in [number for number, readers in self.watches.items() if reader in readers]:
            del self.watches[number][reader]
            if not self.watches[number]:
                del self.watches[number]
                libc().inotify_rm_watch(self._fd, number)
        if not self.watches:
            self.loop.remove_reader(self._fd)
            os.close(self._fd)
            _instances.pop(self.loop, None)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        offset = 0
        while offset < len(data):
            watch, mask, _cookie, size = _HEADER.unpack_from(data, offset)
            start = offset + _HEADER.size
            change = Change(watch, mask, os.fsdecode(data[start : start + size].rstrip(b"\0")))
            offset = start + size
            if mask & IN_Q_OVERFLOW:
                for reader in {reader for readers in self.watches.values() for reader in readers}:
                    reader.deliver(change)
                continue
            for reader, wanted in list(self.watches.get(watch, {}).items()):
                if mask & (wanted | IN_IGNORED):
                    reader.deliver(change)
            if mask & IN_IGNORED:
                self.watches.pop(watch, None)


_instances: dict[asyncio.AbstractEventLoop, _Instance] = {}


class Inotify:
    """Watches of one reader. Use as `async with` or call close(). After IN_Q_OVERFLOW changes are missing."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changes: deque[Change] = deque()
        self._ready = asyncio.Event()
        self._closed = False

    def add(self, path: str | Path, mask: int) -> int:
        """Watch `path`; the number that its changes carry. OSError when it does not exist or limits are reached."""
        instance = _instances.get(self._loop)
        if instance is None:
            instance = _instances[self._loop] = _Instance(self._loop)
        try:
            return instance.add(self, path, mask)
        except OSError:
            if not instance.watches:
                instance.remove(self)
            raise

    def deliver(self, change: Change) -> None:
        """Used by the instance."""
        self._changes.append(change)
        self._ready.set()

    def __aiter__(self) -> Inotify:
        return self

    async def __anext__(self) -> Change:
        while not self._changes:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._changes.popleft()

    async def wait(self) -> None:
        """Return when something changed, and forget what: for readers that look at the whole anyway."""
        await self.__anext__()
        self._changes.clear()

    def close(self) -> None:
        """Stop; the iteration ends."""
        if not self._closed:
            self._closed = True
            self._ready.set()
            instance = _instances.get(self._loop)
            if instance is not None:
                instance.remove(self)

    async def __aenter__(self) -> Inotify:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

"""AuditLog: appends records to the chain on disk, and keeps what the disk does not take.

A record is in the file (write(2) has returned) before the call that it tells of is answered, so that the death of
machined loses none; `synced` waits until it also survives a power cut, and is awaited before anything that changes the
node is carried out. The file is opened for every batch: nothing keeps /var busy at shutdown, and whoever changed the
file in between is noticed by its size.

A disk that is full first costs the reserve (a file that is there to be removed), then memory: MAX_WAITING records wait
for room, and a record says how many were lost beyond that. The API goes on all the same: it is what one repairs with.
Giving up old records for new ones was rejected: filling the disk would then erase the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from talos.audit.chain import Head, seal
from talos.audit.verify import PRUNED, TRUNCATED
from talos.machined import durable
from talos.machined.audit import files

log = logging.getLogger("machined.audit")

FILE_BYTES = 8 << 20
KEEP_BYTES = 64 << 20
RESERVE_BYTES = 1 << 20
BATCH_BYTES = 64 << 10
MAX_WAITING = 10_000
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class AuditLog:
    """The chain of one node. `kept` is where the head is written from time to time, on another file system."""

    def __init__(
        self,
        folder: Path,
        kept: Path,
        *,
        ready: Callable[[], bool] = lambda: True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`ready` says whether the folder's file system is there: while it is not, records wait in memory."""
        self._folder = folder
        self._path = folder / files.CURRENT
        self._kept = kept
        self._kept_head = Head()
        self._ready = ready
        self._now = now
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._lost = 0
        self._file: tuple[int, int, int] | None = None
        """device, inode and size of the file as this object left it; None: not looked at yet"""
        self._dirty = False
        self._syncing = asyncio.Lock()
        self._failing = ""
        self.head = Head()
        """the last record that is in the file"""
        self.written = asyncio.Event()
        """set, and replaced, after every write"""

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    def append(self, fields: Mapping[str, Any]) -> None:
        """Add a record ("time" is set if it is missing). Never fails: what cannot be written now waits."""
        if len(self._waiting) >= MAX_WAITING:
            self._lost += 1
            return
        self._waiting.append({"time": stamp(self._now()), **fields})
        self.flush()

    def lose(self, count: int) -> None:
        """`count` records were lost before they came here: the next one says so."""
        self._lost += count

    def open(self) -> bool:
        """Find the end of the chain before the first record is written; False while the disk is not there."""
        if self._file is None and self._ready():
            try:
                os.close(self._open())
            except OSError as error:
                log.error("the audit log cannot be opened: %s: %s", self._path, error)
        return self._file is not None

    def flush(self) -> bool:
        """Write what waits; whether nothing waits any more."""
        if not self._waiting and not self._lost:
            return True
        if not self._ready():
            return False
        try:
            self._write()
        except OSError as error:
            text = error.strerror or str(error)
            if text != self._failing:
                self._failing = text
                log.error("the audit log cannot be written, its records wait in memory: %s: %s", self._path, text)
            return False
        if self._failing:
            self._failing = ""
            log.info("the audit log is written again")
        return True

    async def synced(self) -> None:
        """Until everything appended so far survives a power cut, or the disk refuses it."""
        async with self._syncing:  # who finds it under way must wait for its end too
            if self._dirty:
                self._dirty = False
                await asyncio.to_thread(self._sync)

    async def keep_head(self) -> None:
        """Write the head to the other file system, its record first. OSError."""
        head = self.head
        if head != self._kept_head and head.seq:
            await self.synced()
            durable.write(self._kept, json.dumps(head._asdict()).encode())
            self._kept_head = head

    # -- parts --

    def _sync(self) -> None:
        with contextlib.suppress(OSError):
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def _write(self) -> None:
        fd = self._open()
        try:
            while self._lost or self._waiting:
                lost, head, lines, taken = self._lost, self.head, bytearray(), 0
                if lost:
                    line, head = seal(head, self._event("lost", records=lost))
                    lines += line
                for fields in self._waiting:
                    line, head = seal(head, fields)
                    lines += line
                    taken += 1
                    if len(lines) >= BATCH_BYTES:
                        break
                self._put(fd, bytes(lines), head)
                self._lost -= lost
                for _ in range(taken):
                    self._waiting.popleft()
                if self._file is not None and self._file[2] >= FILE_BYTES:
                    os.close(fd)
                    fd = -1
                    self._rotate()
                    fd = self._open()
        finally:
            if fd >= 0:
                os.close(fd)

    def _event(self, event: str, **fields: Any) -> dict[str, Any]:
        return {"time": stamp(self._now()), "event": event, **fields}

    def _put(self, fd: int, lines: bytes, head: Head) -> None:
        """Write whole lines or none. OSError."""
        assert self._file is not None
        device, inode, size = self._file
        try:
            self._write_all(fd, lines, size)
        except OSError:
            reserve = self._folder / files.RESERVE
            if not reserve.exists():
                raise
            reserve.unlink()
            log.warning("the disk of the audit log is full: its reserve of %d KiB is used now", RESERVE_BYTES >> 10)
            self._write_all(fd, lines, size)
        self._file = (device, inode, size + len(lines))
        self.head = head
        self._dirty = True
        self.written.set()
        self.written = asyncio.Event()

    @staticmethod
    def _write_all(fd: int, data: bytes, size: int) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(fd, view) :]
        except OSError:
            os.ftruncate(fd, size)
            raise

    def _open(self) -> int:
        """The file, open; looked through if it is not as this object left it. OSError."""
        self._check_mounted()
        try:
            fd = os.open(self._path, _FLAGS, 0o600)
        except FileNotFoundError:
            fd = self._create()
        try:
            about = os.fstat(fd)
            if self._file != (about.st_dev, about.st_ino, about.st_size):
                self._adopt(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _check_mounted(self) -> None:
        """At shutdown /var is unmounted: what would be written below then belongs to no log. OSError."""
        if self._file is None or not self._file[0]:
            return
        try:
            device = self._folder.stat().st_dev
        except FileNotFoundError:
            device = next(path for path in self._folder.parents if path.exists()).stat().st_dev
        if device != self._file[0]:
            raise OSError(errno.ENODEV, "its file system is not mounted any more")

    def _create(self) -> int:
        self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        return os.open(self._path, _FLAGS, 0o600)

    def _adopt(self, fd: int) -> None:
        """Find the end of the chain in a file that somebody else wrote: machined before its restart, as a rule."""
        before, restarted = self._file, self._file is None
        expected = self._read_kept() if restarted else self.head
        about = os.fstat(fd)
        length, newline = files.whole_length(fd, about.st_size)
        if length < about.st_size:
            os.ftruncate(fd, length)
        elif newline:
            os.write(fd, b"\n")
            length += 1
        self._file = (about.st_dev, about.st_ino, length)
        found = next((head for path in reversed(files.files(self._folder)) if (head := files.last_head(path))), Head())
        events = []
        if found.seq < expected.seq or (found.seq == expected.seq and found != expected):
            log.error("the audit log was cut or replaced: it ends with record %s instead of %s", found, expected)
            events.append(self._event(TRUNCATED, expected=str(expected), found=str(found)))
        elif found != expected and not restarted:
            log.error("somebody else wrote to the audit log, up to record %s", found)
            events.append(self._event("foreign", expected=str(expected), found=str(found)))
        if length < about.st_size:
            log.warning("the audit log ended in the middle of a record, which was never acknowledged: %d bytes removed",
                        about.st_size - length)  # fmt: skip
            events.append(self._event("torn", bytes=about.st_size - length))
        if not found.seq and not expected.seq:
            events.append(self._event("begun", chain=secrets.token_hex(16)))
        elif restarted:
            events.append(self._event("resumed"))
        self.head = max(found, expected) if not found.seq else found
        lines, head = bytearray(), self.head
        for event in events:
            line, head = seal(head, event)
            lines += line
        try:
            self._put(fd, bytes(lines), head)
        except OSError:
            self._file, self.head = before, expected  # looked through again, so that nothing of this is forgotten
            raise
        self._make_reserve()

    def _read_kept(self) -> Head:
        try:
            kept = json.loads(self._kept.read_bytes())
            self._kept_head = Head(int(kept["seq"]), str(kept["hash"]))
        except FileNotFoundError:
            return Head()
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("the kept head of the audit log is unreadable: %s: %s", self._kept, error)
            return Head()
        return self._kept_head

    def _rotate(self) -> None:
        """Close the file and remove the oldest beyond what is kept. OSError."""
        first = files.first_seq(self._path)
        self._path.rename(self._folder / f"api-{first:012d}.log")
        self._file = (0, 0, 0)
        fd = os.open(self._path, _FLAGS | os.O_EXCL, 0o600)
        try:
            about = os.fstat(fd)
            self._file = (about.st_dev, about.st_ino, 0)
            self._prune(fd)
        finally:
            os.close(fd)

    def _prune(self, fd: int) -> None:
        old = files.closed(self._folder)
        sizes = {path: path.stat().st_size for path in old}
        while len(old) > 1 and sum(sizes[path] for path in old) > KEEP_BYTES - FILE_BYTES:
            oldest = old.pop(0)
            through = files.last_head(oldest) or Head()
            # First the record, then the removal: a crash in between leaves too much, never too little.
            line, head = seal(self.head, self._event(PRUNED, through=str(through), file=oldest.name))
            self._put(fd, line, head)
            os.fdatasync(fd)
            oldest.unlink()
        self._make_reserve()

    def _make_reserve(self) -> None:
        path = self._folder / files.RESERVE
        if path.exists():
            return
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, RESERVE_BYTES)
            except OSError:
                path.unlink()
            finally:
                os.close(fd)


def stamp(moment: datetime) -> str:
    """RFC 3339 with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

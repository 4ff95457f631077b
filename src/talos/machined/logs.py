"""Log files of services: one file an id, written by the programs themselves, rotated and read here.

Programs append to /var/log/<id>.log directly, so that nothing breaks when machined restarts. At THRESHOLD the file's
content is copied to <id>.log.1 and the file is cut to zero length: its writers append (O_APPEND), so they go on at the
new end. Renaming is no choice, the writer would follow the old file. Between the copy and the cut a few lines may be
lost; the window is kept small by copying again whatever arrived meanwhile.

Readers follow by inotify. A cut shows as a size below the position: the reader goes on at the new start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

from talos.linux.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify

log = logging.getLogger("machined.logs")

DIRECTORY = Path("/var/log")
THRESHOLD = 5 * 1024 * 1024
CHUNK = 32 * 1024
CHECK_INTERVAL_S = 15.0
_SHARED = {"cri": "containerd", "dns-resolve-cache": "networkd"}
"""id → the service whose program, and so whose log, it is (docs/decisions/0001, 0004)"""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class UnknownLogError(Exception):
    """No log of this id exists on the node."""


class LogStore:
    """Logs below one directory."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self.directory = directory

    def path(self, id: str) -> Path:
        """File of a log. ValueError for an id that could leave the directory."""
        if not _ID.fullmatch(id):
            raise ValueError(f"{id!r} is not the id of a log")
        id = _SHARED.get(id, id)
        return self.directory / f"{id}.log"

    def ids(self) -> list[str]:
        """Ids of all logs, sorted."""
        return sorted(path.name[:-4] for path in self.directory.glob("*.log") if path.is_file())

    def rotate(self) -> None:
        """Rotate what has grown over the threshold."""
        for id in self.ids():
            try:
                if self.path(id).stat().st_size > THRESHOLD:
                    rotate_file(self.path(id))
            except OSError as error:
                log.warning("log %s is not rotated: %s", id, error)

    async def rotate_forever(self) -> None:
        """Rotate every few seconds: a file may exceed the threshold by what is written in between."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            self.rotate()

    def read(self, id: str, *, follow: bool, tail_lines: int) -> AsyncIterator[bytes]:
        """Chunks of a log: the last `tail_lines` lines (negative: everything kept), then what comes if `follow`.

        UnknownLogError.
        """
        path = self.path(id)
        if not path.exists():
            raise UnknownLogError(f'log "{id}" was not registered: the node has {", ".join(self.ids()) or "no logs"}')
        return read_file(path, follow=follow, tail_lines=tail_lines)


def old_path(path: Path) -> Path:
    """Where the one kept old generation of a log lies."""
    return path.with_name(path.name + ".1")


def rotate_file(path: Path) -> None:
    """Copy a log's content to its old generation and cut it.

    On a full disk the copy fails; the old generation goes and the log is cut all the same: a log that is not rotated
    because the disk is full keeps it full.
    """
    partial = path.with_name(path.name + ".1.tmp")
    with path.open("r+b", buffering=0) as source:
        try:
            with partial.open("wb") as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
        except OSError as error:
            log.error("the old lines of %s are lost: %s", path, error)
            partial.unlink(missing_ok=True)
            old_path(path).unlink(missing_ok=True)
            os.ftruncate(source.fileno(), 0)
            return
        os.ftruncate(source.fileno(), 0)
    partial.replace(old_path(path))


def tail_offset(path: Path, lines: int) -> int:
    """Offset of the start of the last `lines` lines, 0 if there are fewer; negative lines mean all.

    A last line without a newline counts as a line.
    """
    if lines < 0:
        return 0
    with path.open("rb") as file:
        position = end = file.seek(0, os.SEEK_END)
        if lines == 0:
            return end
        missing = lines
        last = True
        while position > 0:
            size = min(CHUNK, position)
            position -= size
            file.seek(position)
            block = file.read(size)
            if last:
                last = False
                # the newline that ends the last line separates nothing
                if block.endswith(b"\n"):
                    block = block[:-1]
            index = len(block)
            while (index := block.rfind(b"\n", 0, index)) >= 0:
                missing -= 1
                if missing == 0:
                    return position + index + 1
    return 0


async def read_file(path: Path, *, follow: bool, tail_lines: int) -> AsyncIterator[bytes]:
    """See LogStore.read; for any file that writers append to."""
    position = tail_offset(path, tail_lines)
    if position == 0 and tail_lines != 0:
        async for chunk in _read_old(path, tail_lines):
            yield chunk
    if not follow:
        with path.open("rb") as file:
            file.seek(position)
            while chunk := file.read(CHUNK):
                yield chunk
                await asyncio.sleep(0)
        return
    async with Inotify() as changes:
        changes.add(path.parent, IN_CREATE | IN_MOVED_TO)
        watch = changes.add(path, IN_MODIFY)
        file = path.open("rb")
        try:
            file.seek(position)
            while True:
                while chunk := file.read(CHUNK):
                    yield chunk
                    await asyncio.sleep(0)
                if os.fstat(file.fileno()).st_size < file.tell():
                    file.seek(0)
                    continue
                change = await changes.__anext__()
                if change.watch != watch and change.name == path.name:
                    file.close()
                    file = path.open("rb")
                    watch = changes.add(path, IN_MODIFY)
        finally:
            file.close()


async def _read_old(path: Path, tail_lines: int) -> AsyncIterator[bytes]:
    """What the old generation contributes when the current file has fewer lines than asked for."""
    old = old_path(path)
    if not old.exists():
        return
    missing = -1
    if tail_lines > 0:
        missing = tail_lines - path.read_bytes().count(b"\n")
        if missing <= 0:
            return
    with old.open("rb") as file:
        file.seek(tail_offset(old, missing))
        while chunk := file.read(CHUNK):
            yield chunk
            await asyncio.sleep(0)

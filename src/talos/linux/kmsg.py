"""The kernel's log, /dev/kmsg (Documentation/ABI/testing/dev-kmsg): one record a read."""

from __future__ import annotations

import asyncio
import datetime
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

FACILITIES = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]
LEVELS = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]


class Record(NamedTuple):
    """One message of the kernel, or of a program that wrote to its log."""

    facility: str
    level: str
    sequence: int
    microseconds: int
    """since the kernel started"""
    text: str


def parse(record: bytes) -> Record:
    """ "6,339,5140900,-;text"; what follows its first line are key=value pairs of devices. ValueError."""
    head, _, text = record.partition(b";")
    fields = head.split(b",")
    if len(fields) < 3:
        raise ValueError(f"no record of a kernel log: {record[:40]!r}")
    facility, level = divmod(int(fields[0]), 8)
    name = FACILITIES[facility] if facility < len(FACILITIES) else str(facility)
    line = text.split(b"\n", 1)[0].decode(errors="replace")
    return Record(name, LEVELS[level], int(fields[1]), int(fields[2]), line)


def boot_time_ns() -> int:
    """When the clock of records began, since 1970."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def stamp(record: Record, boot_ns: int) -> str:
    """RFC 3339 with nanoseconds."""
    seconds, nanoseconds = divmod(boot_ns + record.microseconds * 1000, 1_000_000_000)
    text = datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanoseconds:09d}Z"


def format_record(data: bytes, boot_ns: int) -> bytes:
    """ "6,339,5140900,-;text" → "kern:    info: [2026-11-22T21:51:07.992114273Z]: text\n"."""
    record = parse(data)
    line = f"{record.facility}: {record.level:>7}: [{stamp(record, boot_ns)}]: {record.text}\n"
    return line.encode()


async def records(path: Path, *, follow: bool, only_new: bool) -> AsyncIterator[bytes]:
    """Formatted records, oldest first; with follow for ever."""
    boot_ns = boot_time_ns()
    async with aclosing(raw_records(path, follow=follow, only_new=only_new)) as raw:
        async for record in raw:
            yield format_record(record, boot_ns)


async def raw_records(path: Path, *, follow: bool, only_new: bool) -> AsyncGenerator[bytes, None]:
    """As the kernel gives them. Records overwritten while we waited are skipped."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    loop = asyncio.get_running_loop()
    try:
        if only_new:
            os.lseek(fd, 0, os.SEEK_END)
        while True:
            try:
                record = os.read(fd, 8192)
            except BlockingIOError:
                if not follow:
                    return
                readable = loop.create_future()
                loop.add_reader(fd, _set, readable)
                try:
                    await readable
                finally:
                    loop.remove_reader(fd)
                continue
            except BrokenPipeError:
                continue
            yield record
    finally:
        os.close(fd)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

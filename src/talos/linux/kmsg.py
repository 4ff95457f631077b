"""The kernel's log, /dev/kmsg (Documentation/ABI/testing/dev-kmsg): one record a read."""

from __future__ import annotations

import asyncio
import datetime
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

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


def format_record(record: bytes, boot_time_ns: int) -> bytes:
    """ "6,339,5140900,-;text" → "kern:    info: [2026-11-22T21:51:07.992114273Z]: text\n"."""
    head, _, text = record.partition(b";")
    fields = head.split(b",")
    priority, microseconds = int(fields[0]), int(fields[2])
    facility, level = priority >> 3, priority & 7
    name = FACILITIES[facility] if facility < len(FACILITIES) else str(facility)
    stamp_ns = boot_time_ns + microseconds * 1000
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    stamp = datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    line = text.split(b"\n", 1)[0]
    return f"{name}: {LEVELS[level]:>7}: [{stamp}.{nanoseconds:09d}Z]: ".encode() + line + b"\n"


async def records(path: Path, *, follow: bool, only_new: bool) -> AsyncIterator[bytes]:
    """Formatted records, oldest first; with follow for ever. Records overwritten while we waited are skipped."""
    boot_time_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
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
            yield format_record(record, boot_time_ns)
    finally:
        os.close(fd)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

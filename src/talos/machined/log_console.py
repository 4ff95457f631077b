"""Logs of services on the node's consoles, which a configuration with `debug: true` asks for.

A console may be a serial line of eleven kilobytes a second. So it is one of the destinations of logs
(talos.machined.log_sinks): a queue that loses its oldest lines, and a thread that may wait for the line. machined's own
lines are not among them, they reach the console anyway.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from talos.machined.logging_setup import CONSOLE, other_consoles

_MAX_TEXT = 1024
_SHOWN = {number: " " for number in (*range(32), 127, *range(128, 160)) if number != ord("\t")}
"""what would move a terminal's cursor, or worse"""


def line(service: str, text: bytes) -> bytes:
    """[etcd] what it wrote"""
    return f"[{service}] {text.decode(errors='replace').translate(_SHOWN)[:_MAX_TEXT]}".encode()


def lost_line(count: int) -> bytes:
    """In place of lines that the console did not take in time."""
    return line("machined", b"%d lines of logs were dropped: the console is slower than they came" % count)


async def show_lines(batches: AsyncGenerator[list[bytes], None], consoles: Sequence[Path] | None = None) -> None:
    """For ever, on all consoles of this node. OSError: none can be opened, or one is gone."""
    found = [CONSOLE, *other_consoles()] if consoles is None else consoles
    opened = [os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC) for path in found]
    try:
        async with aclosing(batches):
            async for batch in batches:
                data = b"".join(text + b"\n" for text in batch)
                for console in opened:
                    await asyncio.to_thread(_write, console, data)
    finally:
        for console in opened:
            os.close(console)


def _write(console: int, data: bytes) -> None:
    while data:
        data = data[os.write(console, data) :]

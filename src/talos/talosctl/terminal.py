"""The terminal of a session with a container: keys go there unread, the size follows the window.

Where there is no terminal, or no way to set one up (Windows), standard input is sent as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

_READ_BYTES = 4096
_FORWARDED = ("SIGINT", "SIGTERM")


class Terminal:
    """A context in which the terminal is raw. `events` yields what to send: bytes, a signal's number, or a size."""

    def __init__(self) -> None:
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self.kind = os.environ.get("TERM", "xterm") if self.interactive else ""
        self._saved: list[Any] | None = None
        self._queue: asyncio.Queue[bytes | int | tuple[int, int] | None] = asyncio.Queue()

    def __enter__(self) -> Terminal:
        if self.interactive:
            with contextlib.suppress(ImportError):
                import termios
                import tty

                self._saved = termios.tcgetattr(sys.stdin)
                tty.setraw(sys.stdin)
        return self

    def __exit__(self, *_: object) -> None:
        if self._saved is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)

    async def events(self) -> AsyncIterator[bytes | int | tuple[int, int]]:
        loop = asyncio.get_running_loop()
        if self.interactive:
            self._queue.put_nowait(self._size())
            if hasattr(signal, "SIGWINCH"):
                loop.add_signal_handler(signal.SIGWINCH, lambda: self._queue.put_nowait(self._size()))
        elif hasattr(signal, "SIGWINCH"):  # a Unix: signals reach the container, which then ends by itself
            for name in _FORWARDED:
                number = int(getattr(signal, name))
                loop.add_signal_handler(number, self._queue.put_nowait, number)
        reading = self._read(loop)
        try:
            while (event := await self._queue.get()) is not None:
                yield event
        finally:
            if reading is None:
                loop.remove_reader(0)
            else:
                reading.cancel()
                await asyncio.wait([reading])

    def _read(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        """Standard input into the queue; its end is the end of what is sent. The task that reads where the loop cannot:
        a file, or Windows. No pipe transport: it would make the terminal non-blocking for standard output as well."""

        def readable() -> None:
            data = os.read(0, _READ_BYTES)
            self._queue.put_nowait(data or None)
            if not data:
                loop.remove_reader(0)

        async def in_a_thread() -> None:
            while data := await asyncio.to_thread(os.read, 0, _READ_BYTES):
                self._queue.put_nowait(data)
            self._queue.put_nowait(None)

        try:
            loop.add_reader(0, readable)
        except (OSError, NotImplementedError):
            return loop.create_task(in_a_thread())
        return None

    def _size(self) -> tuple[int, int]:
        size = shutil.get_terminal_size()
        return size.columns, size.lines

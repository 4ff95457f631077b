"""Progress on a terminal: one line that changes while a phase lasts, one that stays when it is over.

Without a terminal (a build log) only the lines that stay are printed.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from typing import TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_INTERVAL_S = 0.1


class TerminalProgress:
    """Use as a context manager. A thread redraws, so that the display moves whatever the caller does."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._started = time.monotonic()
        self._phase_started = self._started
        self._title = ""
        self._detail = ""
        self._failed = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> TerminalProgress:
        if self._live:
            self._thread = threading.Thread(target=self._redraw, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _value: object, _trace: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._finish("✗" if kind and not self._failed else "✓")
            self._title = ""

    @property
    def elapsed_s(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started

    def phase(self, title: str) -> None:
        with self._lock:
            self._finish("✓")
            self._title, self._detail = title, ""
            self._phase_started = time.monotonic()

    def detail(self, text: str) -> None:
        self._detail = text

    def failed(self) -> None:
        with self._lock:
            self._finish("✗")
            self._title = ""
            self._failed = True

    def _finish(self, mark: str) -> None:
        if not self._title:
            return
        took = time.monotonic() - self._phase_started
        clear = "\r\x1b[K" if self._live else ""
        self._stream.write(f"{clear}{mark} {self._title} ({took:.1f} s, {self.elapsed_s:.1f} s in all)\n")
        if mark == "✗" and self._detail:
            self._stream.write(f"  last: {self._detail}\n")
        self._stream.flush()

    def _redraw(self) -> None:
        frame = 0
        while not self._stop.wait(_INTERVAL_S):
            with self._lock:
                if not self._title:
                    continue
                frame = (frame + 1) % len(_FRAMES)
                detail = f" · {self._detail}" if self._detail else ""
                line = f"{_FRAMES[frame]} {self._title} {time.monotonic() - self._phase_started:.1f} s{detail}"
                width = shutil.get_terminal_size().columns - 1
                self._stream.write("\r\x1b[K" + line[:width])
                self._stream.flush()

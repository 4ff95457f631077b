"""Where machined's own log lines go.

controller-runtime has a log of its own (`talosctl logs controller-runtime`); the rest is machined's. What a person at
the console needs (sequences, services, warnings) goes there as well, and into kernel.log, which `talosctl dmesg` shows
on a container node: its console is outside, and the kernel's own ring is the host's.

A machine may have several consoles, a screen and a serial line; /dev/console, which PID 1 holds, is the last of them
alone (Documentation/admin-guide/serial-console.rst). So the others are written to by name.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from talos.service_process import LogFormat

CONSOLE = Path("/proc/1/fd/2")
ACTIVE = Path("/sys/class/tty/console/active")


class _ControllerFormat(LogFormat):
    """As machined's own lines, with the controller's name at the end."""

    def suffix(self, record: logging.LogRecord) -> str:
        _, _, controller = record.name.partition(".")
        return f' {{"component": "controller-runtime", "controller": "{controller}"}}' if controller else ""


class _OwnFormat(LogFormat):
    """2026-11-22T23:39:20.836Z INFO text"""

    def suffix(self, record: logging.LogRecord) -> str:
        return ""


class _ConsoleFormat(logging.Formatter):
    """[talos] 2026/11/22 23:50:34 text"""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(record.created))
        return f"[talos] {stamp} {record.getMessage()}"


def set_up(directory: Path = Path("/var/log"), console: Path | None = CONSOLE, level: int = logging.INFO) -> None:
    """Replace all handlers. Standard error is the service's log file already (the zygote opened it)."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.setLevel(level)
    own = logging.StreamHandler(sys.stderr)
    own.setFormatter(_OwnFormat())
    root.addHandler(own)
    controllers = logging.getLogger("controller-runtime")
    controllers.propagate = False
    controllers.handlers.clear()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = logging.StreamHandler(_append(directory / "controller-runtime.log"))
    except OSError as error:
        logging.warning("controller-runtime has no log of its own: %s", error)
        controllers.propagate = True
    else:
        file.setFormatter(_ControllerFormat())
        controllers.addHandler(file)
    for path in (console, *(other_consoles() if console else ()), directory / "kernel.log"):
        if path is None:
            continue
        try:
            stream = _append(path)
        except OSError:
            continue
        handler = logging.StreamHandler(stream)
        handler.setFormatter(_ConsoleFormat())
        handler.addFilter(_for_console)
        root.addHandler(handler)
        controllers.addHandler(handler)


def other_consoles(active: Path = ACTIVE, platform: str | None = None) -> list[Path]:
    """A machine's consoles but the one that is /dev/console; a container's are its host's."""
    if (os.environ.get("PLATFORM", "") if platform is None else platform) in ("", "container"):
        return []
    try:
        names = active.read_text().split()
    except OSError:
        return []
    return [Path("/dev", name) for name in names[:-1]]


def _append(path: Path) -> TextIO:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o640)
    return os.fdopen(fd, "w", buffering=1)


def _for_console(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.startswith("machined.")

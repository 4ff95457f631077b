"""How a process that the zygote forked runs: log lines on standard error, one main coroutine, an end on SIGTERM.

The zygote opened the service's log file as standard error and imported everything before the fork; gc.freeze() keeps
the collector of the child from writing to pages that it still shares.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

STATE_SOCKET = "/system/run/machined/state.sock"


class LogFormat(logging.Formatter):
    """2026-11-22T23:39:20.836Z INFO text {"controller": "name"}; the last part for loggers below another."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        text = f"{stamp}.{int(record.msecs):03d}Z {record.levelname} {record.getMessage()}{self.suffix(record)}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text

    def suffix(self, record: logging.LogRecord) -> str:
        _, _, controller = record.name.partition(".")
        return f' {{"controller": "{controller}"}}' if controller else ""


def run(main: Coroutine[Any, Any, None]) -> int:
    """Run `main` until it ends or SIGTERM cancels it; then 0, the exit status of the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormat())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    gc.freeze()
    with suppress(asyncio.CancelledError):
        asyncio.run(_until_told(main))
    return 0


async def _until_told(main: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(main)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task

"""A forked service says what it does on standard error and ends with status 0 when it is told to."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

PROGRAM = """
import asyncio, logging
from talos import service_process

async def main():
    logging.getLogger("apid").info("serving")
    logging.getLogger("controller-runtime.network.LinkController").warning("no link")
    try:
        await asyncio.Event().wait()
    finally:
        logging.getLogger("apid").info("closed")

raise SystemExit(service_process.run(main()))
"""


def test_ends_on_sigterm_and_logs_with_time_level_and_controller() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline(), process.stderr.readline()]
        process.send_signal(signal.SIGTERM)
        lines += process.stderr.read().splitlines()
        assert process.wait(10) == 0
    assert [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", "", line).strip() for line in lines] == [
        "INFO serving",
        'WARNING no link {"controller": "network.LinkController"}',
        "INFO closed",
    ]

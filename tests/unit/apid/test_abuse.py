"""HTTP/2 and TLS abused by many at once: apid lives, its memory stays bounded, and good clients are served all along.

Each attack runs against an apid in a process of its own while one good client calls over a connection that it has, and
another makes a new connection for each call. Figures go to $ABUSE_FIGURES, if that is set, as one JSON line an attack;
SECONDS_OF_ABUSE makes the attacks longer than the few seconds that they last here.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .attacks import ATTACKS, Target
from .conftest import M

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("SECONDS_OF_ABUSE", "3"))
CHECKOUT = Path(__file__).parents[3]
GROWTH_KIB = 160 * 1024
LIMIT_S = 20.0  # of one good call: generous, because the attackers share the processor with what they attack


@dataclass
class Server:
    """apid in a process of its own."""

    folder: Path
    pid: int
    target: Target

    def memory_kib(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
        raise AssertionError("apid is gone")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.unit.apid.abuse_server", str(tmp_path), stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, cwd=CHECKOUT)  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while not (tmp_path / "ready.json").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield Server(tmp_path, process.pid, Target.of(tmp_path))
        assert process.returncode is None, "apid did not survive"
    finally:
        process.kill()
        await process.wait()


async def good_calls(target: Target, until: float, *, anew: bool) -> list[float]:
    took = []
    client = target.client()
    while time.monotonic() < until:
        if anew:
            client.close()
            client = target.client()
        began = time.monotonic()
        await client.call(M + "Version", timeout=LIMIT_S)
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.02)
    client.close()
    return took


@pytest.mark.parametrize("name", [attack.__name__ for attack in ATTACKS])
async def test_attack(server: Server, name: str) -> None:
    target = server.target
    await good_calls(target, time.monotonic() + 0.3, anew=False)
    before = peak = server.memory_kib()
    attackers = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.unit.apid.attacks", str(server.folder), name, str(SECONDS + 1),
        stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT)  # fmt: skip
    until = time.monotonic() + SECONDS + 1
    kept, new = (asyncio.ensure_future(good_calls(target, until, anew=anew)) for anew in (False, True))
    while not (kept.done() and new.done()):
        await asyncio.sleep(0.1)
        peak = max(peak, server.memory_kib())
    served, connected = kept.result(), new.result()
    rounds = int((await attackers.communicate())[0])
    after = await good_calls(target, time.monotonic() + 0.3, anew=True)
    peak = max(peak, server.memory_kib())
    assert served and connected and after
    assert rounds
    figures: dict[str, Any] = {
        "attack": name, "rounds": rounds, "good_calls": len(served), "new_connections": len(connected),
        "call_p50_ms": round(statistics.median(served) * 1000, 1), "call_max_ms": round(max(served) * 1000, 1),
        "connect_max_ms": round(max(connected) * 1000, 1), "memory_before_mib": before // 1024,
        "memory_peak_mib": peak // 1024, "memory_after_mib": server.memory_kib() // 1024,
    }  # fmt: skip
    if path := os.environ.get("ABUSE_FIGURES"):
        with Path(path).open("a") as file:  # noqa: ASYNC230
            file.write(json.dumps(figures) + "\n")
    assert peak - before < GROWTH_KIB, figures

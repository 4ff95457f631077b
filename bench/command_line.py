"""What a command costs from start to end, beside an interpreter that does nothing: scripts call them by the hundred."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

TALOSCTL = Path(sys.executable).with_name("talosctl")
RUNS = 15


def milliseconds(*command: str | Path) -> float:
    """Median of whole processes, standard output thrown away."""
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def measure(talosconfig: str) -> dict[str, float]:
    """Against the cluster of this client configuration, whose node is on this machine."""
    return {
        "floor_ms": milliseconds(sys.executable, "-c", "pass"),
        "version_client_ms": milliseconds(TALOSCTL, "version", "--client"),
        "version_ms": milliseconds(TALOSCTL, "--talosconfig", talosconfig, "version"),
    }

"""Size of the root image by part, and how long the build took, both as the build itself wrote them down."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

COLD_NODE_PROGRAM_S = 120.0
OUT = Path(__file__).resolve().parent.parent / "_out"


def figures() -> dict[str, Any]:
    manifest = json.loads((OUT / "image" / "manifest.json").read_text())
    return {
        "total_mb": manifest["bytes"] / 1e6,
        "parts_mb": {name: part["compressed"] / 1e6 for name, part in manifest["parts"].items()},
        "executables": manifest["executables"]["files"],
    }


def cold_build_s() -> float | None:
    """Seconds that the phases of a build without caches took here, or None when none is on record.

    Told by the Go program: nothing but an empty build cache makes it take minutes.
    """
    path = OUT / "log" / "phases.jsonl"
    if not path.exists():
        return None
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    longest: dict[str, float] = {}
    for entry in rows:
        longest[entry["phase"]] = max(entry["seconds"], longest.get(entry["phase"], 0.0))
    return sum(longest.values()) if longest.get("node", 0.0) >= COLD_NODE_PROGRAM_S else None

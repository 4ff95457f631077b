"""What became of the system disk's volumes at the start of a machine: written once, before machined runs, by the
process that opened and mounted them (talos.machined.disk.volumes)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict

RECORD = "/run/machined/system-disk.json"


class VolumeState(Struct):
    """One volume. problem: why it is not mounted, "" if it is."""

    partition: str = ""
    device: str = ""
    """what is mounted: the partition, or its clear mapping"""
    problem: str = ""
    encrypted: bool = False
    slot: int = 0
    """the key slot that opened it"""
    keys: list[str] = field(default_factory=list)
    """kinds of the configured keys"""
    failed_syncs: list[str] = field(default_factory=list)
    """what of the configured keys is not in the header, a sentence each"""
    registers: list[int] = field(default_factory=list)
    """of the TPM, for keys that are sealed to it"""
    signed_registers: list[int] = field(default_factory=list)
    """of these the maker of the image says which values are good"""
    fresh: bool = False
    """nothing was kept on it yet when it was mounted"""
    locked_to_state: bool = False
    allow_discards: bool = False


def encode(states: dict[str, VolumeState]) -> dict[str, Any]:
    """Volume → fields, for JSON."""
    return {name: asdict(state) for name, state in states.items()}


def load(record: Path) -> dict[str, Any]:
    """disk, meta and volumes; empty on a machine that is not installed, and in a container."""
    try:
        found = json.loads(record.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def volumes(record: Path) -> dict[str, VolumeState]:
    """By name."""
    try:
        return {name: VolumeState(**fields) for name, fields in load(record).get("volumes", {}).items()}
    except (TypeError, AttributeError):
        return {}

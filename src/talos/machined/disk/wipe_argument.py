"""Kernel argument talos.experimental.wipe: partitions are overwritten before any of them is opened.

`system` takes all that a reset takes; `system:EPHEMERAL,STATE` those partitions. What cannot be understood wipes
nothing: the argument stands on the command line of a netboot server, and the disk below it may be anybody's.
"""

from __future__ import annotations

from pathlib import Path

from talos.machined.disk import reset
from talos.machined.disk.system_disk import SystemDisk

ARGUMENT = "talos.experimental.wipe"
SYSTEM = "system"


def labels(value: str) -> tuple[str, ...]:
    """Partitions that a value names, none for the whole system. ValueError: it means nothing."""
    if value == SYSTEM:
        return ()
    found = tuple(dict.fromkeys(value.removeprefix(f"{SYSTEM}:").split(",")))
    unknown = [label for label in found if label not in reset.LABELS]
    if not value.startswith(f"{SYSTEM}:") or unknown:
        known = ",".join(reset.LABELS)
        raise ValueError(f"{ARGUMENT}={value} wipes nothing: it is {SYSTEM}, or {SYSTEM}: and some of {known}")
    return found


def carry_out(value: str, disk: SystemDisk, root: Path = Path("/")) -> str:
    """What was done. ValueError: it means nothing, or names what is not there; nothing was done. WipeError."""
    named = labels(value)
    if missing := [label for label in named if disk.table.named(label) is None]:
        raise ValueError(
            f"{ARGUMENT}={value} wipes nothing: {disk.path} has no {', '.join(missing)}; a volume on another disk is "
            "wiped by `talosctl reset`, which knows where it lies"
        )
    reset.wipe(named, disk, root)
    return f"{ARGUMENT}: {', '.join(named) or 'the whole system'} on {disk.path} is wiped"


"""Which partitions a system disk has, their sizes and types (constants.txt, partitions).

While an installation is under way the EFI partition is called UNFINISHED: a disk without EFI partition by name is not
installed, whatever else it holds, and an installer may begin again on it. The name is changed last, in one write.
"""

from __future__ import annotations

import uuid

from msgspec import Struct
from msgspec.structs import replace

from talos.linux.gpt import EFI_SYSTEM, LINUX_DATA, Table

EFI, META, STATE, EPHEMERAL = "EFI", "META", "STATE", "EPHEMERAL"
ENCRYPTABLE = (STATE, EPHEMERAL)
USER_VOLUMES = "user-volumes.json"
"""on STATE, of volumes of the user's: id → UUID of the partition, or of what lies on the whole disk"""
UNFINISHED = "EFI-UNFINISHED"
MIB = 1 << 20
EPHEMERAL_MINIMUM = 2 << 30


class Part(Struct, frozen=True):
    """size in bytes, None: what is left."""

    name: str
    size: int | None
    type: uuid.UUID = LINUX_DATA
    minimum: int = 0


PARTS = (
    Part(EFI, 2101 * MIB, EFI_SYSTEM),
    Part(META, MIB),
    Part(STATE, 100 * MIB),
    Part(EPHEMERAL, None, minimum=EPHEMERAL_MINIMUM),
)
SMALLEST = sum(part.size or part.minimum for part in PARTS) + 4 * MIB
SMALLEST_SYSTEM = SMALLEST - EPHEMERAL_MINIMUM
"""where EPHEMERAL goes to another disk"""
OURS = frozenset({*(part.name for part in PARTS), UNFINISHED})


def completed(table: Table) -> Table:
    """With the partitions that are missing, and EPHEMERAL grown to what is free. TableError where they do not fit."""
    return with_ephemeral(with_system(table))


def with_system(table: Table) -> Table:
    """With those partitions that are missing whose place and size nobody chooses. TableError."""
    for part in PARTS:
        if part.size is not None and table.named(part.name) is None:
            table = table.add(part.name, part.size, part.type, part.minimum)
    return table


def with_ephemeral(table: Table) -> Table:
    """With an EPHEMERAL that takes what is free. TableError."""
    if table.named(EPHEMERAL) is None:
        table = table.add(EPHEMERAL, None, minimum=EPHEMERAL_MINIMUM)
    return table.grow(EPHEMERAL)


def begun(table: Table, *, ephemeral: bool = True) -> Table:
    """The table of a disk that is being installed to. Without `ephemeral` the first start makes that, where the
    configuration wants it."""
    return _renamed(completed(table) if ephemeral else with_system(table), EFI, UNFINISHED)


def finished(table: Table) -> Table:
    """The same, installed."""
    return _renamed(table, UNFINISHED, EFI)


def _renamed(table: Table, old: str, new: str) -> Table:
    changed = tuple(replace(p, name=new) if p.name == old else p for p in table.partitions)
    return replace(table, partitions=changed)

"""EPHEMERAL where the configuration wants it: on the disk that it selects, in the size that it gives.

Imported at the starts of machines whose configuration says so, or said so when EPHEMERAL was made: any other has it on
the system's disk, with all the room that there is (talos.machined.disk.layout).

Place and size are decided once. An EPHEMERAL that something lies on stays where it is, whatever the configuration says
later; what is blank, because a reset wiped it or because making it was cut short, is placed anew. One on another disk
is known by the UUID of its partition, which STATE keeps: a disk that is missing is a fault that a person is told, not a
reason to make an empty one elsewhere.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from talos.config.view.model import Provisioning
from talos.linux import gpt
from talos.linux.block import BlockDevice, partition_path
from talos.linux.disk_io import OpenDisk
from talos.machined import durable
from talos.machined.disk import conversion, filesystem, layout, placement
from talos.machined.disk.filesystem import VolumeError
from talos.machined.disk.layout import EPHEMERAL, EPHEMERAL_MINIMUM
from talos.machined.disk.placement import Candidate, Place, PlaceError

log = logging.getLogger("machined.disk")

RECORD = "volumes.json"
"""on STATE: volume → UUID of its partition, for those on other disks than the system's"""


def remembered(state: Path) -> uuid.UUID | None:
    """Partition of an EPHEMERAL on another disk. VolumeError: the record says something that is none."""
    try:
        found = json.loads((state / RECORD).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise VolumeError(f"where it lies cannot be read: {state / RECORD}: {error}") from error
    try:
        return uuid.UUID(found[EPHEMERAL]) if EPHEMERAL in found else None
    except (ValueError, TypeError, AttributeError) as error:
        raise VolumeError(f"{state / RECORD} says nothing that can be understood: {error}") from error


def partition(
    system: Path, state: Path, wanted: Provisioning, disks: Iterable[BlockDevice], *, anew: bool = False
) -> Path:
    """EPHEMERAL's partition, made where there is none. `anew`: nothing is kept on the one that there is, which goes if
    it is not as wanted. VolumeError, OSError."""
    known = placement.candidates(disks, system)
    try:
        found = _find(known, state, wanted)
        if found is not None and _may_go(found, anew) and not _agrees(found, wanted):
            known = [_without(one, found[1]) if one is found[0] else one for one in known]
            place = _place(known, wanted)
            log.info("EPHEMERAL on %s is made anew, as the configuration wants it", found[0].path)
            # In this order: a start after power was lost finds nothing, or what it would make.
            conversion.done(state, EPHEMERAL)
            durable.remove(state / RECORD)
            if place.disk != found[0].path:
                _drop(found)
            return _made(place, system, state)
        if found is not None:
            return _kept(found, wanted, system, state)
        return _made(_place(known, wanted), system, state)
    except (PlaceError, gpt.TableError) as error:
        raise VolumeError(str(error)) from error


_Found = tuple[Candidate, gpt.Partition]


def _find(known: list[Candidate], state: Path, wanted: Provisioning) -> _Found | None:
    """The system's disk comes first, then the partition that STATE remembers, then one that a machine like this left on
    a disk that is meant (its STATE was wiped). VolumeError, PlaceError."""
    for one in known:
        if one.system and one.table and (here := one.table.named(EPHEMERAL)):
            return one, here
    if (identity := remembered(state)) is not None:
        for one in known:
            for part in one.table.partitions if one.table else ():
                if part.id == identity:
                    return one, part
        raise VolumeError(
            f"it lies on the partition {identity}, and no disk of this machine has that now: put the disk back, or "
            f"give its content up with `talosctl reset --system-labels-to-wipe {EPHEMERAL} --reboot`"
        )
    for one in placement.matching(wanted, known):
        if one.table and (left := one.table.named(EPHEMERAL)):
            if one.table.named(layout.META) is not None and not one.system:
                raise VolumeError(f"{one.path} is the system disk of another installation: select another disk")
            return one, left
    return None


def _may_go(found: _Found, anew: bool) -> bool:
    device = partition_path(found[0].path, found[1].number)
    with OpenDisk(found[0].path, writable=True) as disk:
        assert found[0].table is not None
        disk.tell_kernel(found[0].table)
    return anew or (filesystem.found(device) == "" and filesystem.is_blank(device))


def _agrees(found: _Found, wanted: Provisioning) -> bool:
    return placement.agrees(*found, wanted, EPHEMERAL_MINIMUM)


def agrees(system: Path, wanted: Provisioning, disks: Iterable[BlockDevice], device: Path) -> bool:
    """Whether EPHEMERAL, which lies on `device`, lies where a new one would. VolumeError."""
    try:
        for one in placement.candidates(disks, system):
            for part in one.table.partitions if one.table else ():
                if partition_path(one.path, part.number) == device:
                    return _agrees((one, part), wanted)
    except PlaceError as error:
        raise VolumeError(str(error)) from error
    return False


def problem(system: Path, wanted: Provisioning, disks: Iterable[BlockDevice], future: gpt.Table | None) -> str:
    """Why EPHEMERAL could not be made on this machine, "" if it could. future: table of the system's disk once the
    system is installed to it, None where it is."""
    known = []
    for one in placement.candidates(disks, system):
        if one.system and future is not None:
            one = replace(one, table=future, problem="")
        elif one.table and (old := one.table.named(EPHEMERAL)):
            one = _without(one, old)
        known.append(one)
    try:
        _place(known, wanted)
    except PlaceError as error:
        return f"EPHEMERAL: {error}"
    return ""


def _place(known: list[Candidate], wanted: Provisioning) -> Place:
    return placement.place(EPHEMERAL, wanted, EPHEMERAL_MINIMUM, known)


def _without(one: Candidate, gone: gpt.Partition) -> Candidate:
    assert one.table is not None
    left = tuple(part for part in one.table.partitions if part is not gone)
    return replace(one, table=replace(one.table, partitions=left))


def _drop(found: _Found) -> None:
    without = _without(*found)
    assert without.table is not None
    with OpenDisk(found[0].path, writable=True) as disk:
        disk.wipe(found[1].first * disk.sector, min(layout.MIB, found[1].sectors * disk.sector))
        disk.write_table(without.table)


def _made(place: Place, system: Path, state: Path) -> Path:
    log.info("EPHEMERAL: %d MiB of %s", place.partition.sectors * place.table.sector >> 20, place.disk)
    placement.write(place)
    return _noted(place.disk, place.partition, system, state)


def _kept(found: _Found, wanted: Provisioning, system: Path, state: Path) -> Path:
    disk, part = found
    assert disk.table is not None
    if wanted.grow is not False:
        table = placement.grown(disk.table, EPHEMERAL, wanted)
        if table != disk.table:
            placement.write(Place(disk.path, table, part), fresh=False)
    return _noted(disk.path, part, system, state)


def _noted(disk: Path, part: gpt.Partition, system: Path, state: Path) -> Path:
    """STATE remembers a partition on another disk, and forgets the one of before."""
    said = {EPHEMERAL: str(part.id)} if disk != system else {}
    if said and remembered(state) != part.id:
        durable.write(state / RECORD, json.dumps(said).encode())
    elif not said and (state / RECORD).exists():
        durable.remove(state / RECORD)
    return partition_path(disk, part.number)

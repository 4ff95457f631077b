"""Mounted volumes → when each is trimmed next → FITRIM, one volume at a time.

The times stand on STATE: a machine that is restarted more often than it trims would never trim otherwise. A volume that
is seen for the first time has a time within its interval that depends on its name and on the machine, so that the disks
of a cluster are not all busy at once.
"""

from __future__ import annotations

import asyncio
import datetime
import errno
import json
import zlib
from collections.abc import Mapping
from pathlib import Path

from talos.config.view.trims import Trims
from talos.controllers import machine_config
from talos.controllers.block import started
from talos.controllers.publish import publish
from talos.linux.trim import trim
from talos.machined import durable
from talos.resources.block import MountStatusSpec, VolumeTrimScheduleSpec
from talos.resources.enums import FilesystemType
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

RECORD = "/system/state/trims.json"
TRIMMED = (FilesystemType.XFS, FilesystemType.EXT4, FilesystemType.BTRFS, FilesystemType.VFAT)
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOTTY)
_LATEST = datetime.timedelta(hours=1)
"""looked at the clock at least so often: it may be set"""

Times = dict[str, datetime.datetime]


def schedule(
    mounts: Mapping[str, MountStatusSpec], wanted: Trims, known: Times, now: datetime.datetime, machine: str
) -> dict[str, VolumeTrimScheduleSpec]:
    """By volume: what is due, and when. `known`: times that were decided before."""
    found = {}
    for id, mount in mounts.items():
        interval = wanted.of(id)
        if interval is None or interval <= datetime.timedelta() or mount.read_only or mount.filesystem not in TRIMMED:
            continue
        spread = zlib.crc32(f"{machine}/{id}".encode()) / (1 << 32)
        due = min(known.get(id, now + interval * spread), now + interval)
        found[id] = VolumeTrimScheduleSpec(filesystem=mount.filesystem, interval=interval, next_trim=due)
    return found


class VolumeTrimController(Controller):
    name = "block.VolumeTrimController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(MountStatusSpec))
    outputs = (Output(VolumeTrimScheduleSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._refused: set[str] = set()
        """volumes whose disk takes no such word: not asked again until the next start"""

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        disk = started.load(rt.env.path(started.RECORD)).get("disk", "")
        if rt.env.in_container or config is None or not disk:
            return
        mounts = {one.id: one.spec for one in await rt.list(MountStatusSpec) if one.spec.source.startswith("/dev/")}
        record, now = rt.env.path(RECORD), rt.clock.now()
        known = before = _read(record)
        machine = _machine(rt.env.path("/etc/machine-id"))
        found = schedule(mounts, config.machine.trims, known, now, machine)
        for id in [id for id, spec in found.items() if spec.next_trim <= now and id not in self._refused]:
            await self._trim(rt, id, rt.env.path(mounts[id].target))
            known = {**known, id: now + found[id].interval}
        found = schedule(mounts, config.machine.trims, known, now, machine)
        found = {id: spec for id, spec in found.items() if id not in self._refused}
        times = {id: spec.next_trim for id, spec in found.items()}
        if times != before:
            text = json.dumps({id: time.isoformat() for id, time in times.items()})
            await asyncio.to_thread(durable.write, record, text.encode())
        await publish(rt, VolumeTrimScheduleSpec, found)
        if times:
            rt.requeue_after(min(max((min(times.values()) - now).total_seconds(), 1.0), _LATEST.total_seconds()))

    async def _trim(self, rt: Runtime, id: str, target: Path) -> None:
        try:
            size = await asyncio.to_thread(trim, target)
            rt.log.info("%s is trimmed: %d MiB are free on its disk", id, size >> 20)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                self._refused.add(id)
                rt.log.info("%s is not trimmed: its disk, or its encryption, does not take it", id)
            else:
                rt.log.warning("%s is not trimmed: %s", id, error)


def _read(record: Path) -> Times:
    """Nothing from a file that is missing or not ours: then the times are decided anew."""
    try:
        return {id: datetime.datetime.fromisoformat(time) for id, time in json.loads(record.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _machine(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""

"""When volumes are trimmed, and that a disk is really told."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.machined.disk.conftest import attached
from tests.unit.machined.disk.loop_disk import GIB, needs_loop

from talos.config import Config
from talos.config.view.trims import Trims
from talos.controllers.block import started
from talos.environment import NodeEnvironment
from talos.linux.mount import mount, umount
from talos.machined.controllers.volume_trim import RECORD, VolumeTrimController, schedule
from talos.machined.disk import filesystem
from talos.resources.block import MountStatusSpec, VolumeTrimScheduleSpec
from talos.resources.config import MachineConfigSpec
from talos.resources.enums import FilesystemType
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.resource import Resource

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HEAD = "version: v1alpha1\nmachine: {type: worker}\n"
TEXT = HEAD + """---
apiVersion: v1alpha1
kind: FilesystemTrimConfig
interval: 48h
---
apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
trim: {enabled: false}
---
apiVersion: v1alpha1
kind: UserVolumeConfig
name: data
provisioning: {diskSelector: {match: '!system_disk'}, minSize: 1GiB}
trim: {interval: 1h}
"""


def test_what_a_configuration_says() -> None:
    assert Config.decode(HEAD).machine.trims == Trims(7 * DAY)
    found = Config.decode(TEXT).machine.trims
    assert [found.of(id) for id in ("EPHEMERAL", "u-data", "STATE")] == [None, timedelta(hours=1), 2 * DAY]


def mounted(kind: FilesystemType = FilesystemType.XFS, **fields: Any) -> MountStatusSpec:
    return MountStatusSpec(filesystem=kind, **fields)


@given(
    volumes=st.sets(st.text(max_size=8), max_size=5),
    known=st.dictionaries(st.text(max_size=8), st.integers(-100, 100).map(lambda days: NOW + days * DAY)),
    days=st.integers(0, 30),
)
def test_a_time_is_kept_and_never_further_than_the_interval(
    volumes: set[str], known: dict[str, datetime], days: int
) -> None:
    wanted = Trims(days * DAY)
    mounts = {id: mounted() for id in volumes}
    found = schedule(mounts, wanted, known, NOW, "machine")
    assert set(found) == (volumes if days else set())
    for id, spec in found.items():
        assert spec.next_trim <= NOW + days * DAY
        if id in known and known[id] <= NOW + days * DAY:
            assert spec.next_trim == known[id]
    again = schedule(mounts, wanted, {id: spec.next_trim for id, spec in found.items()}, NOW, "machine")
    assert again == found


def test_what_cannot_be_trimmed_has_no_time() -> None:
    mounts = {"a": mounted(FilesystemType.ISO9660), "b": mounted(read_only=True), "c": mounted(FilesystemType.NONE)}
    assert schedule(mounts, Trims(), {}, NOW, "") == {}


@pytest.mark.slow
@needs_loop
async def test_a_disk_is_told_what_is_free(tmp_path: Path) -> None:
    with attached(tmp_path, "disk.img", GIB) as disk:
        filesystem.make(disk, "xfs", "u-data")
        where = tmp_path / "var/mnt/data"
        where.mkdir(parents=True)
        mount(str(disk), where, "xfs")
        (where / "large").write_bytes(os.urandom(64 << 20))
        os.sync()
        (where / "large").unlink()
        # XFS frees a file's blocks in the background, and passes over what its log still holds.
        umount(where)
        mount(str(disk), where, "xfs")
        before = (tmp_path / "disk.img").stat().st_blocks
        record, times = tmp_path / started.RECORD.lstrip("/"), tmp_path / RECORD.lstrip("/")
        for path in (record, times):
            path.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"disk": str(disk)}))
        times.write_text(json.dumps({"u-data": "2026-01-01T00:00:00+00:00"}))
        state = InMemoryState()
        async with ControllerRuntime(state, (VolumeTrimController,), NodeEnvironment(platform="metal", root=tmp_path)):
            spec = mounted(source=str(disk), target="/var/mnt/data")
            await state.create(Resource.new(MountStatusSpec, "u-data", spec), owner="x")
            await state.create(Resource.new(MachineConfigSpec, "v1alpha1", MachineConfigSpec(text=TEXT)), owner="x")
            found = await asyncio.wait_for(state.wait_for(VolumeTrimScheduleSpec, "u-data"), 20)
            assert found.spec.interval == timedelta(hours=1) and found.spec.next_trim > datetime.now(UTC)
        assert (tmp_path / "disk.img").stat().st_blocks < before - (48 << 11)
        assert json.loads(times.read_bytes())["u-data"] == found.spec.next_trim.isoformat()

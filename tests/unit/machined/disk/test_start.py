"""The child that opens the volumes at a start: what it answers, and what is said when it does not."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from talos.controllers.block.started import VolumeState
from talos.linux.gpt import Table
from talos.machined.disk import start, volumes
from talos.machined.disk.system_disk import SystemDisk

DISK = SystemDisk(Path("/dev/vda"), Table(uuid.uuid4(), 1 << 20))


States = dict[str, VolumeState]


def brought_up(monkeypatch: pytest.MonkeyPatch, run: Callable[[], States]) -> tuple[dict[str, dict[str, object]], str]:
    said: list[str] = []

    class Run:
        def __init__(self, _disk: SystemDisk) -> None:
            pass

        def run(self) -> States:
            return run()

    monkeypatch.setattr(volumes, "BringUp", Run)
    states = start._bring_up(DISK, said.append)
    return states, "\n".join(said)


def test_what_the_child_met_is_recorded_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    states, said = brought_up(monkeypatch, lambda: {
        "STATE": VolumeState(device="/dev/mapper/luks2-STATE", encrypted=True, failed_syncs=["key slot 1 (tpm): no"]),
        "EPHEMERAL": VolumeState(problem="EPHEMERAL is not mounted: no key fits"),
    })  # fmt: skip
    assert [VolumeState(**state).encrypted for state in states.values()] == [True, False]  # type: ignore[arg-type]
    assert said == "STATE: key slot 1 (tpm): no\nEPHEMERAL is not mounted: no key fits"


def failing() -> States:
    raise MemoryError("no room for a key")


def crashing() -> States:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@pytest.mark.parametrize(("run", "how"), [(failing, "failed"), (crashing, "was ended by SIGKILL")])
def test_a_child_that_fails_is_no_machine_without_state(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[], States], how: str
) -> None:
    states, said = brought_up(monkeypatch, run)
    assert f"STATE is not mounted: the process that opens the volumes of /dev/vda {how}" in said
    assert states["STATE"] == {"problem": f"STATE is not mounted: the process that opens the volumes of /dev/vda {how}"}

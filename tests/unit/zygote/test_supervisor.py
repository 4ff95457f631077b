"""When a service starts again, and what the files between zygote and machined say. Real processes, no sleeping."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from talos.linux.cgroup import Limits
from talos.zygote import supervisor
from talos.zygote.services import SERVICES, Service
from talos.zygote.supervisor import Slot, Supervisor

ALWAYS = Service("machined", "none", "init", Limits(), always=True)
WANTED = Service("apid", "none", "system/apid", Limits())
LATER = Service("trustd", "none", "system/trustd", Limits(), at_start=False)


def pause(service: Service, parent: int) -> None:
    signal.pause()


def make(tmp_path: Path, said: list[str] | None = None) -> Supervisor:
    return Supervisor((ALWAYS, WANTED, LATER), pause, tmp_path, (said if said is not None else []).append)


def state(tmp_path: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((tmp_path / "state" / name).read_text())
    return found


def end_all(zygote: Supervisor) -> None:
    for slot in zygote.slots.values():
        if slot.pid:
            os.kill(slot.pid, signal.SIGKILL)
            os.waitpid(slot.pid, 0)


def wait_ended(zygote: Supervisor, name: str) -> None:
    """Until the process is a zombie, without collecting it."""
    os.waitid(os.P_PID, zygote.slots[name].pid, os.WEXITED | os.WNOWAIT)


def test_back_off_doubles_to_its_limit_and_starts_again_after_a_stable_life() -> None:
    slot = Slot(WANTED)
    delays = []
    now = 100.0
    for _ in range(12):
        slot.started = now
        slot.ended(0, now)
        delays.append(round(slot.due - now, 3))
    assert delays[:4] == [0.010, 0.020, 0.040, 0.080]
    assert delays[-1] == supervisor.BACKOFF_MAX_S
    slot.started = now
    slot.ended(0, now + supervisor.STABLE_S)
    assert slot.due - now - supervisor.STABLE_S == pytest.approx(supervisor.BACKOFF_MIN_S)


def test_what_is_wanted_at_start_runs_and_the_rest_does_not(tmp_path: Path) -> None:
    zygote = make(tmp_path)
    zygote.prepare()
    try:
        zygote.step(time.monotonic())
        assert {name for name, slot in zygote.slots.items() if slot.pid} == {"machined", "apid"}
        published = state(tmp_path, "apid")
        assert published["state"] == "running"
        assert published["pid"] == zygote.slots["apid"].pid
        assert published["restarts"] == 0
        assert int((tmp_path / "pid").read_text()) == os.getpid()
    finally:
        end_all(zygote)


def test_a_restarted_zygote_keeps_what_was_wanted(tmp_path: Path) -> None:
    make(tmp_path).prepare()
    (tmp_path / "want/apid").unlink()
    (tmp_path / "want/trustd").touch()
    zygote = make(tmp_path)
    zygote.prepare()
    assert [name for name, slot in zygote.slots.items() if zygote.wanted(slot)] == ["machined", "trustd"]


def test_an_ended_service_waits_for_its_back_off_and_starts_again(tmp_path: Path) -> None:
    said: list[str] = []
    zygote = make(tmp_path, said)
    zygote.prepare()
    try:
        zygote.step(0.0)
        os.kill(zygote.slots["apid"].pid, signal.SIGKILL)
        wait_ended(zygote, "apid")
        zygote.step(1.0)
        assert state(tmp_path, "apid")["state"] == "waiting"
        assert said == ["apid ended: killed by signal SIGKILL; next start in 10 ms"]
        assert zygote.next_due(1.0) == pytest.approx(0.010)
        zygote.step(1.005)
        assert not zygote.slots["apid"].pid
        zygote.step(1.011)
        assert state(tmp_path, "apid")["restarts"] == 1
    finally:
        end_all(zygote)


def test_an_unwanted_service_gets_sigterm_then_sigkill(tmp_path: Path) -> None:
    zygote = Supervisor((ALWAYS, WANTED), lambda service, parent: block_sigterm(), tmp_path, lambda text: None)
    zygote.prepare()
    try:
        zygote.step(0.0)
        os.waitid(os.P_PID, zygote.slots["apid"].pid, os.WSTOPPED | os.WNOWAIT)
        os.kill(zygote.slots["apid"].pid, signal.SIGCONT)
        (tmp_path / "want/apid").unlink()
        zygote.step(1.0)
        assert state(tmp_path, "apid")["state"] == "stopping"
        assert zygote.next_due(1.0) == pytest.approx(supervisor.STOP_S)
        zygote.step(1.0 + supervisor.STOP_S)
        wait_ended(zygote, "apid")
        zygote.step(7.0)
        assert state(tmp_path, "apid") | {"since": 0} == {
            "state": "stopped", "pid": 0, "starttime": 0, "restarts": 0, "since": 0, "last_status": signal.SIGKILL,
        }  # fmt: skip
        assert zygote.next_due(7.0) is None
    finally:
        end_all(zygote)


def block_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.kill(os.getpid(), signal.SIGSTOP)  # tells the test that the signal is blocked now
    while True:
        signal.pause()


def test_rows_are_what_the_design_says() -> None:
    rows = {service.name: service for service in SERVICES}
    assert set(rows) == {"machined", "apid", "trustd", "networkd", "timed", "registryd"}
    assert {name: row.uid for name, row in rows.items()} == {
        "machined": 0,
        "apid": 50,
        "trustd": 51,
        "networkd": 52,
        "timed": 53,
        "registryd": 54,
    }
    assert rows["apid"].capabilities == rows["trustd"].capabilities == rows["timed"].capabilities == frozenset()
    assert [row.name for row in SERVICES if row.starts_programs] == ["machined"]
    assert [row.name for row in SERVICES if not row.at_start] == ["trustd", "registryd"]

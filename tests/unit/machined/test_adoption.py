"""machined may be killed at any time: what it started goes on, and the next one takes it over.

The test is the reaper (PR_SET_CHILD_SUBREAPER) that PID 1 is on a node.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.linux.libc import check, libc
from talos.linux.process import ProcessId, alive, send_signal

DRIVER = Path(__file__).with_name("supervised_process.py")
PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def reaper() -> Iterator[None]:
    check(libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
    yield
    check(libc().prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), "prctl")


class Machined:
    """One life of it."""

    def __init__(self, folder: Path, configuration: str = "1") -> None:
        self.child = subprocess.Popen(
            [sys.executable, str(DRIVER), str(folder), configuration], stdout=subprocess.PIPE, text=True
        )

    def running_program(self) -> ProcessId:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            pid, start_time, running = line.split()
            if running == "True":
                return ProcessId(int(pid), int(start_time))
        raise AssertionError("the supervisor ended")

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()
        assert self.child.stdout is not None
        self.child.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("var/log", "run/machined"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def reap(process: ProcessId) -> None:
    os.waitpid(process.pid, 0)


@pytest.mark.usefixtures("reaper")
def test_a_killed_machined_leaves_its_program_and_the_next_adopts_it(folder: Path) -> None:
    first = Machined(folder)
    program = first.running_program()
    first.kill()
    assert alive(program)
    second = Machined(folder)
    assert second.running_program() == program, "the same process, not a new one"
    assert send_signal(program, signal.SIGKILL)
    reap(program)
    replacement = second.running_program()
    assert replacement != program and alive(replacement), "an adopted program's end is noticed"
    second.kill()
    send_signal(replacement, signal.SIGKILL)
    reap(replacement)


@pytest.mark.usefixtures("reaper")
def test_a_program_that_ended_while_nobody_watched_is_started_anew(folder: Path) -> None:
    first = Machined(folder)
    program = first.running_program()
    first.kill()
    send_signal(program, signal.SIGKILL)
    reap(program)
    second = Machined(folder)
    replacement = second.running_program()
    assert replacement != program
    second.kill()
    send_signal(replacement, signal.SIGKILL)
    reap(replacement)


@pytest.mark.usefixtures("reaper")
def test_a_program_with_an_outdated_configuration_is_replaced_when_it_is_adopted(folder: Path) -> None:
    first = Machined(folder, "old")
    program = first.running_program()
    first.kill()
    second = Machined(folder, "new")
    os.waitpid(program.pid, 0)  # SIGTERM came from the new supervisor
    replacement = second.running_program()
    assert replacement != program and alive(replacement)
    second.kill()
    send_signal(replacement, signal.SIGKILL)
    reap(replacement)

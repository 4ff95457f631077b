"""A WatchdogTimerConfig as resources, over PID 1's FIFO and its answers; PID 1 itself: tests/image/test_watchdog.py."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from talos.config import Config
from talos.config.carried_out import unsupported
from talos.controllers.runtime.watchdog_timer_config import ID, WatchdogTimerConfigController
from talos.environment import NodeEnvironment
from talos.machined.controllers import watchdog_timer
from talos.machined.controllers.watchdog_timer import ANSWER, Answer, WatchdogTimerController
from talos.resources.config import MachineConfigSpec
from talos.resources.runtime import WatchdogTimerConfigSpec, WatchdogTimerStatusSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

HEAD = "version: v1alpha1\nmachine: {type: worker}\n"
WITH = HEAD + "---\napiVersion: v1alpha1\nkind: WatchdogTimerConfig\ndevice: /dev/watchdog1\n"


class Init:
    """PID 1's two files in a folder: what it was told, and what it answers."""

    def __init__(self, root: Path) -> None:
        (root / "run/init").mkdir(parents=True)
        os.mkfifo(root / "run/init/control")
        self._fifo = os.open(root / "run/init/control", os.O_RDWR | os.O_NONBLOCK)
        self._answer = root / ANSWER[1:]
        self.told: list[str] = []
        self.error = 0
        asyncio.get_running_loop().add_reader(self._fifo, self._read)

    def _read(self) -> None:
        for line in os.read(self._fifo, 4096).decode().splitlines():
            word, number, *rest = line.split()
            self.told.append(" ".join((word, *rest)))
            seconds = int(rest[1]) if rest and not self.error else 0
            self._answer.write_text(f"{number} {self.error} {seconds} {seconds * 1000 // 3}\n")

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fifo)
        os.close(self._fifo)


@pytest_asyncio.fixture
async def init(tmp_path: Path) -> AsyncIterator[Init]:
    one = Init(tmp_path)
    yield one
    one.close()


async def configure(state: InMemoryState, text: str) -> None:
    def change(spec: MachineConfigSpec) -> None:
        spec.text = text

    await state.modify(MachineConfigSpec, "v1alpha1", change, owner="x")


async def within(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, 20)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


async def turns() -> None:
    """Controllers that had something to do have done it."""
    for _ in range(100):
        await asyncio.sleep(0)


def running(state: InMemoryState, root: Path, platform: str = "metal") -> ControllerRuntime:
    controllers = (WatchdogTimerConfigController, WatchdogTimerController)
    return ControllerRuntime(state, controllers, NodeEnvironment(platform=platform, root=root))


async def test_it_comes_changes_and_goes_with_its_document(init: Init, tmp_path: Path) -> None:
    state = InMemoryState()
    async with running(state, tmp_path):
        await configure(state, WITH)
        found = await within(state.wait_for(WatchdogTimerStatusSpec, ID))
        assert found.md.owner == "runtime.WatchdogTimerController"
        assert found.spec == WatchdogTimerStatusSpec(
            device="/dev/watchdog1", timeout=timedelta(minutes=1), feed_interval=timedelta(seconds=20)
        )
        config = await state.get(WatchdogTimerConfigSpec, ID)
        assert config.md.owner == "runtime.WatchdogTimerConfigController"
        await configure(state, WITH + "timeout: 3m0s\n")
        longer = timedelta(minutes=3)
        await within(state.wait_for(WatchdogTimerStatusSpec, ID, lambda one: one.spec.timeout == longer))
        await configure(state, HEAD)
        await within(state.wait_gone(WatchdogTimerStatusSpec, ID))
    assert init.told == ["watchdog /dev/watchdog1 60", "watchdog /dev/watchdog1 180", "watchdog"]


async def test_what_pid_1_refuses_is_said_and_shows_no_status(
    init: Init, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    init.error = errno.EBUSY
    state = InMemoryState()
    async with running(state, tmp_path):
        await configure(state, WITH)
        await until(lambda: "/dev/watchdog1: Device or resource busy" in caplog.text)
        assert await state.list(WatchdogTimerStatusSpec) == []


async def test_without_a_document_pid_1_hears_nothing(init: Init, tmp_path: Path) -> None:
    state = InMemoryState()
    async with running(state, tmp_path):
        await configure(state, HEAD)
        await turns()
        await configure(state, WITH)
        await within(state.wait_for(WatchdogTimerStatusSpec, ID))
    assert init.told == ["watchdog /dev/watchdog1 60"]


async def test_machined_that_is_started_again_takes_back_what_the_one_before_asked(init: Init, tmp_path: Path) -> None:
    (tmp_path / ANSWER[1:]).write_text("1 0 60 20000\n")
    async with running(InMemoryState(), tmp_path):
        await until(lambda: init.told == ["watchdog"])


async def test_a_container_leaves_its_hosts_alone_and_says_so(init: Init, tmp_path: Path) -> None:
    state = InMemoryState()
    async with running(state, tmp_path, "container"):
        await configure(state, WITH)
        await turns()
        assert await state.list(WatchdogTimerConfigSpec) == []
    assert init.told == []
    (said,) = unsupported(Config.decode(WITH), "container")
    assert said.startswith("WatchdogTimerConfig: no effect in a container") and said.endswith(": /dev/watchdog1")


async def test_a_pid_1_that_is_not_ours_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = NodeEnvironment(platform="metal", root=tmp_path)
    with pytest.raises(FileNotFoundError):
        await watchdog_timer.ask(env, None)
    (tmp_path / "run/init").mkdir(parents=True)
    os.mkfifo(tmp_path / "run/init/control")
    silent = os.open(tmp_path / "run/init/control", os.O_RDWR | os.O_NONBLOCK)
    monkeypatch.setattr(watchdog_timer, "_LOOKS", 2)
    with pytest.raises(TimeoutError):
        await watchdog_timer.ask(env, None)
    os.close(silent)


@given(text=st.text(), number=st.integers(0, 1 << 24))
def test_any_text_is_an_answer_or_none(text: str, number: int) -> None:
    watchdog_timer.parse(text, number)


@given(numbers=st.tuples(*[st.integers(0, 1 << 24)] * 4))
def test_an_answer_is_read_for_its_own_question_only(numbers: tuple[int, int, int, int]) -> None:
    text = " ".join(map(str, numbers)) + "\n"
    assert watchdog_timer.parse(text, numbers[0]) == Answer(*numbers[1:])
    assert watchdog_timer.parse(text, numbers[0] + 1) is None

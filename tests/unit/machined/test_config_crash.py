"""The node may die between any two operations on files, or its disk may be full: the old configuration or the new one
is there afterwards, whole, and one that has to be confirmed never is there without its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from talos.config.generate import Input
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType
from talos.machined.configuration import ConfigController, ConfigRejectedError, Mode, Terms
from talos.machined.confirmation import Moment
from talos.machined.generations import PATH as GENERATIONS
from talos.machined.node import Node

from .dying_disk import Dead, failing

NodeFactory = Callable[..., Node]
WINDOW_S = 300.0
CONFIRM = Terms(confirm_within_s=WINDOW_S)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    made = Input(cluster_name="demo", endpoint="https://10.5.0.2:6443", secrets=Bundle.generate())
    text = made.config(MachineType.WORKER).encode()
    return [text.replace("debug: false", f"debug: false # {n}", 1) for n in range(4)]


class Time:
    """The three clocks; a boot sets the second one back."""

    def __init__(self) -> None:
        self.wall, self.boot, self.boot_id = 1_800_000_000.0, 1000.0, "one"

    def __call__(self) -> Moment:
        return Moment(self.wall, self.boot, self.boot_id)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds


@pytest.fixture
async def start(make_node: NodeFactory) -> AsyncIterator[Callable[[Time], Awaitable[ConfigController]]]:
    """start(time): a node that starts on the same disk."""
    started: list[ConfigController] = []

    async def one(time: Time) -> ConfigController:
        node = make_node()
        node.config = ConfigController(node, time)
        await node.config.load()
        started.append(node.config)
        return node.config

    yield one
    for config in started:
        config._end_deadline()
        config._cancel_try()


Start = Callable[[Time], Awaitable[ConfigController]]


async def in_force(config: ConfigController) -> str:
    """What is in force, after a check that disk, state and history say the same."""
    assert config.current is not None
    text = config.current.text
    assert config.disk._path.read_text() == text
    numbers = config.disk.generations.numbers()
    assert config.disk.current_number() == numbers[-1]
    return text


async def before_the_crash(texts: list[str], config: ConfigController, steps: str) -> None:
    """`steps`: a letter for each configuration, "a" final, "A" to be confirmed."""
    for number, step in enumerate(steps):
        await config.apply(texts[number].encode(), Mode.AUTO, terms=CONFIRM if step == "A" else Terms())


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["a", "aA"])
@pytest.mark.parametrize("last", ["a", "A"])
async def test_a_death_in_the_middle_leaves_the_old_or_the_new(
    start: Start, texts: list[str], tmp_path: Path, steps: str, last: str
) -> None:
    outcomes = set()
    for at in range(1, 100):
        wipe(tmp_path)
        time = Time()
        config = await start(time)
        await before_the_crash(texts, config, steps)
        old, new = texts[len(steps) - 1], texts[len(steps)]
        died = False
        with failing(at):
            try:
                await config.apply(new.encode(), Mode.AUTO, terms=CONFIRM if last == "A" else Terms())
            except Dead:
                died = True
        time.pass_by(1)
        after = await start(time)
        text = await in_force(after)
        assert text in (old, new)
        confirmed = last == "a" if text == new else steps[-1] == "a"
        assert (after.deadline is None) == confirmed, f"killed at operation {at}"
        if after.deadline is not None:
            assert after.deadline.back_to == 1
            time.pass_by(WINDOW_S)
            assert await in_force(await start(time)) == texts[0]
        outcomes.add(text == new)
        if not died:
            assert text == new
            break
    else:
        pytest.fail("more than 100 operations")
    assert outcomes == {False, True}


@pytest.mark.slow
async def test_a_death_while_going_back_or_confirming_leaves_one_of_the_two(
    start: Start, texts: list[str], tmp_path: Path
) -> None:
    for confirm in (False, True):
        for at in range(1, 100):
            wipe(tmp_path)
            time = Time()
            config = await start(time)
            await before_the_crash(texts, config, "aA")
            died = False
            with failing(at):
                try:
                    await (config.confirm() if confirm else config._go_back())
                except Dead:
                    died = True
            if not confirm:
                time.pass_by(WINDOW_S)
            after = await start(time)
            text = await in_force(after)
            if confirm:
                assert text == texts[1]
                assert died or after.deadline is None
            else:
                assert text == texts[0]
                assert after.deadline is None
            if not died:
                break


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["a", "aA"])
@pytest.mark.parametrize("last", ["a", "A"])
async def test_a_full_disk_refuses_and_changes_nothing(
    start: Start, texts: list[str], tmp_path: Path, steps: str, last: str
) -> None:
    refused = 0
    for at in range(1, 100):
        wipe(tmp_path)
        time = Time()
        config = await start(time)
        await before_the_crash(texts, config, steps)
        number = config.disk.current_number()
        old, new = texts[len(steps) - 1], texts[len(steps)]
        deadline = config.deadline
        with failing(at, full=True) as disk:
            try:
                await config.apply(new.encode(), Mode.AUTO, terms=CONFIRM if last == "A" else Terms())
            except ConfigRejectedError as error:
                assert "No space left on device; nothing was changed" in str(error)
                refused += 1
                assert await in_force(config) == old
                assert (config.deadline, config.disk.current_number()) == (deadline, number)
                again = await start(time)
                assert await in_force(again) == old
                assert (again.deadline is None) == (deadline is None)
            else:
                assert await in_force(config) == new
                assert (config.deadline is not None) == (last == "A")
        if disk.count < at:
            break
    assert refused >= 4


async def test_a_full_disk_does_not_keep_a_node_in_a_configuration_nobody_confirmed(
    start: Start, texts: list[str]
) -> None:
    time = Time()
    config = await start(time)
    await before_the_crash(texts, config, "aA")
    with failing(1, full=True):
        await config._go_back()
        assert config.current is not None
        assert config.current.text == texts[0]
        assert config.deadline is not None
    await config._go_back()  # what the timer does some seconds later
    assert await in_force(config) == texts[0]
    assert config.deadline is None


def wipe(root: Path) -> None:
    """As on the first boot."""
    for path in (root / "system/state").rglob("*"):
        if path.is_file():
            path.unlink()
    folder = root / GENERATIONS.lstrip("/")
    if folder.is_dir():
        folder.rmdir()
    (root / "run/machined/running.yaml").unlink(missing_ok=True)


async def test_a_machined_that_is_killed_keeps_the_deadline(start: Start, texts: list[str]) -> None:
    time = Time()
    await before_the_crash(texts, await start(time), "aA")
    time.pass_by(WINDOW_S - 1)
    again = await start(time)
    assert await in_force(again) == texts[1]
    assert again.deadline is not None
    time.pass_by(1)
    assert await in_force(await start(time)) == texts[0]


@pytest.mark.parametrize(("wall_jump", "over"), [(WINDOW_S - 10, False), (WINDOW_S, True), (-5e8, False)])
async def test_a_reboot_keeps_the_deadline(start: Start, texts: list[str], wall_jump: float, over: bool) -> None:
    """A clock that starts in the past makes the window begin anew, it never lets it last for ever."""
    time = Time()
    await before_the_crash(texts, await start(time), "aA")
    time.wall += wall_jump
    time.boot, time.boot_id = 5.0, "two"
    config = await start(time)
    assert await in_force(config) == texts[0 if over else 1]
    if not over:
        assert config.deadline is not None
        assert 0 < config.deadline.left_s(time()) <= WINDOW_S


async def test_a_configuration_that_cannot_be_read_any_more_is_gone_back_from(start: Start, texts: list[str]) -> None:
    """Another version of the node may refuse what this one accepted."""
    time = Time()
    first = await start(time)
    await before_the_crash(texts, first, "aA")
    damaged = texts[1].replace("debug: false", "debug: nonsense")
    path = first.disk.generations._path(2)
    path.write_text(path.read_text().replace("debug: false", "debug: nonsense"))
    first.disk._path.write_text(damaged)
    assert await in_force(await start(time)) == texts[0]


async def test_what_is_staged_waits_for_a_reboot_also_when_machined_is_killed(start: Start, texts: list[str]) -> None:
    time = Time()
    config = await start(time)
    await before_the_crash(texts, config, "a")
    await config.apply(texts[1].encode(), Mode.STAGED)
    booted = config._node.sequencer._booted
    booted.write_text("")
    killed = await start(time)
    assert killed.current is not None
    assert killed.current.text == texts[0]
    booted.unlink()  # memory is empty after a boot
    assert await in_force(await start(time)) == texts[1]
    await asyncio.sleep(0)

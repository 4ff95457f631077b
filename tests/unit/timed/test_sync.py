"""The whole of timed against time servers in a namespace: chrony, and a server that says what a test wants.

The clock that is set is one of the test's own: this machine's is nobody's to change.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.wires import Wire, needs, root, stop, wire

from talos.controllers.time import sync
from talos.controllers.time.sync import SyncController
from talos.controllers.time.sync_settings import ID, TimeSyncSettingsSpec
from talos.environment import NodeEnvironment
from talos.linux import clock, ntp
from talos.linux.namespace import network_namespace
from talos.resources.network import TimeServerStatusSpec
from talos.resources.time import NTPStatusSpec, StatusSpec
from talos.state.clock import LoopClock, Timer
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

YEAR = 365 * 86400.0
pytestmark = pytest.mark.slow  # each waits for answers, and for those that do not come


class OwnClock:
    """What the kernel's clock would be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, wrong_by: float = 0.0) -> None:
        self.wrong_by = wrong_by
        self.steps: list[tuple[float, bool]] = []
        self.slews: list[float] = []
        real = time.time
        monkeypatch.setattr(ntp.time, "time", lambda: real() - self.wrong_by)
        monkeypatch.setattr(clock, "now_s", lambda: real() - self.wrong_by)
        monkeypatch.setattr(clock, "step", self._step)
        monkeypatch.setattr(clock, "slew", self.slews.append)

    def _step(self, offset_s: float, *, synchronized: bool = True) -> None:
        self.steps.append((offset_s, synchronized))
        self.wrong_by -= offset_s


class Hurried(LoopClock):
    """Minutes are half a second."""

    def monotonic(self) -> float:
        return time.monotonic() * 120

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return super().call_later(seconds / 120, call)


@pytest.fixture
def own_clock(monkeypatch: pytest.MonkeyPatch) -> OwnClock:
    return OwnClock(monkeypatch)


@pytest.fixture
def cable() -> Iterator[Wire]:
    with wire() as made:
        made.execute(made.peer, "ip", "address", "add", "10.9.0.1/24", "dev", "lan0")
        made.execute(made.node, "ip", "address", "add", "10.9.0.7/24", "dev", "eth0")
        made.execute(made.node, "ip", "link", "set", "eth0", "up")
        yield made


@contextlib.contextmanager
def server(cable: Wire, answer: Callable[[bytes, int], bytes | None], address: str = "10.9.0.1") -> Iterator[list[int]]:
    """A time server in the peer; answer(question, how many were asked) → datagram. Yields [number of questions]."""
    with network_namespace(cable.peer):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 123))
    asked = [0]

    def serve() -> None:
        while True:
            data, sender = sock.recvfrom(512)
            if not data:
                return
            asked[0] += 1
            if (reply := answer(data, asked[0])) is not None:
                sock.sendto(reply, sender)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        with network_namespace(cable.peer):
            closer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        closer.sendto(b"", (address, 123))
        thread.join()
        closer.close()
        sock.close()


_REAL = time.time


def good(question: bytes, ahead: float = 0.0, stratum: int = 2, code: bytes = b"TEST") -> bytes:
    now = struct.pack("!II", *ntp.to_ntp(_REAL() + ahead))
    head = struct.pack("!BBbb", 4 << 3 | 4, stratum, 0, -20) + struct.pack("!II4s", 0, 0, code)
    return head + now + question[40:48] + now + now


async def run(
    env: NodeEnvironment,
    until: Callable[[InMemoryState], object],
    servers: tuple[str, ...] = ("10.9.0.1",),
    **settings: object,
) -> None:
    state = InMemoryState()
    await state.modify(TimeSyncSettingsSpec, ID, lambda _: TimeSyncSettingsSpec(**settings))  # type: ignore[arg-type]
    await state.modify(TimeServerStatusSpec, "timeservers", lambda _: TimeServerStatusSpec(time_servers=list(servers)))
    async with asyncio.timeout(40), ControllerRuntime(state, [SyncController], env):
        await until(state)  # type: ignore[misc]


async def synced(state: InMemoryState) -> None:
    await state.wait_for(StatusSpec, ID, lambda found: found.spec.synced)


def machine(tmp_path: Path, *, hurried: bool = False) -> NodeEnvironment:
    return NodeEnvironment(platform="metal", root=tmp_path, clock=Hurried() if hurried else LoopClock())


@root
@needs("chronyd")
def test_with_chrony(cable: Wire, own_clock: OwnClock, tmp_path: Path) -> None:
    own_clock.wrong_by = -3 * YEAR  # three years ahead
    config = tmp_path / "chrony.conf"
    config.write_text(f"local stratum 3\nallow 10.9.0.0/24\nbindaddress 10.9.0.1\ncmdport 0\npidfile {tmp_path}/pid\n")
    process = cable.start(cable.peer, "chronyd", "-d", "-x", "-u", "root", "-f", config)
    try:
        cable.run(lambda: run(machine(tmp_path, hurried=True), synced))
    finally:
        log = stop(process)
    assert len(own_clock.steps) == 1, log
    assert abs(own_clock.wrong_by) < 0.2


@root
def test_a_clock_without_a_battery(cable: Wire, own_clock: OwnClock, tmp_path: Path) -> None:
    own_clock.wrong_by = _REAL() - 86400  # 2 January 1970
    with server(cable, lambda question, _: good(question)):
        cable.run(lambda: run(machine(tmp_path), synced))
    assert [synchronized for _, synchronized in own_clock.steps] == [False, True]
    assert abs(own_clock.wrong_by) < 0.2


@root
def test_one_of_three_servers_lies(cable: Wire, own_clock: OwnClock, tmp_path: Path) -> None:
    for last in (2, 3):
        cable.execute(cable.peer, "ip", "address", "add", f"10.9.0.{last}/24", "dev", "lan0")
    with (
        server(cable, lambda question, _: good(question, ahead=YEAR)),
        server(cable, lambda question, _: good(question), "10.9.0.2"),
        server(cable, lambda question, _: good(question), "10.9.0.3"),
    ):
        cable.run(lambda: run(machine(tmp_path), synced, ("10.9.0.1", "10.9.0.2", "10.9.0.3")))
    assert abs(own_clock.wrong_by) < 0.2


@root
def test_kiss_of_death_is_obeyed_and_the_other_server_asked(cable: Wire, own_clock: OwnClock, tmp_path: Path) -> None:
    cable.execute(cable.peer, "ip", "address", "add", "10.9.0.2/24", "dev", "lan0")
    with (
        server(cable, lambda question, _: good(question, stratum=0, code=b"DENY")) as denied,
        server(cable, lambda question, _: good(question), "10.9.0.2") as asked,
    ):

        async def several(state: InMemoryState) -> None:
            await synced(state)
            while asked[0] < 3:  # noqa: ASYNC110 - the counter is a thread's
                await asyncio.sleep(0.05)

        cable.run(lambda: run(machine(tmp_path, hurried=True), several, ("10.9.0.1", "10.9.0.2")))
    assert denied[0] == 1


@root
def test_answers_of_strangers_and_a_spike(cable: Wire, own_clock: OwnClock, tmp_path: Path) -> None:
    def answer(question: bytes, number: int) -> bytes | None:
        if number == 1:
            return good(b"\0" * 48, ahead=YEAR)  # an answer to a question that was not asked
        return good(question, ahead=100.0 if number == 3 else 0.0)

    with server(cable, answer) as asked:

        async def after_the_spike(state: InMemoryState) -> None:
            await state.wait_for(NTPStatusSpec, ID, lambda found: found.spec.spike_detected)
            await state.wait_for(NTPStatusSpec, ID, lambda found: not found.spec.spike_detected)

        cable.run(lambda: run(machine(tmp_path, hurried=True), after_the_spike))
    assert asked[0] >= 4
    assert abs(own_clock.wrong_by) < 0.2
    assert len(own_clock.steps) == 1


@root
def test_nobody_answers_and_the_machine_goes_on(
    cable: Wire, own_clock: OwnClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    cable.run(lambda: run(machine(tmp_path, hurried=True), synced))
    assert time.monotonic() - began >= sync.BOOT_LIMIT_S / 120 - 0.1
    assert own_clock.steps == []


async def test_a_container_never_touches_the_clock(own_clock: OwnClock, tmp_path: Path) -> None:
    own_clock.wrong_by = 20 * YEAR
    env = NodeEnvironment(platform="container", root=tmp_path)
    await run(env, synced)
    assert (own_clock.steps, own_clock.slews) == ([], [])


async def test_switched_off_counts_as_synchronized(own_clock: OwnClock, tmp_path: Path) -> None:
    await run(machine(tmp_path), synced, enabled=False)
    assert (own_clock.steps, own_clock.slews) == ([], [])

"""Logs at their destinations: each line once, across rotations, restarts of the receiver, and one that is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.machined.audit.test_sinks import Receiver, until

from talos.config.view.model import LogDestination
from talos.machined import log_console, log_sinks, logs
from talos.machined.log_sinks import LogSinks, Queue
from talos.resources.config import MachineConfigSpec
from talos.resources.runtime import KmsgLogConfigSpec
from talos.state import InMemoryState


class Node:
    """Logs below a folder, and a configuration that changes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, InMemoryState()
        self.wanted: tuple[LogDestination, ...] = ()
        self.sinks = LogSinks(folder, None, self.state, lambda: self.wanted)

    async def want(self, *wanted: LogDestination) -> None:
        self.wanted = wanted
        text = f"# {wanted}"
        await self.state.modify(MachineConfigSpec, "v1alpha1", lambda _: MachineConfigSpec(text=text), owner="test")

    def write(self, name: str, text: str) -> None:
        with (self.folder / f"{name}.log").open("a") as file:
            file.write(text)


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(log_sinks, "FIRST_WAIT_S", 0.02)
    made = Node(tmp_path)
    made.write("etcd", "written before\n")
    task = asyncio.create_task(made.sinks.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.01)  # the connections' last turn of the event loop


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    yield made
    await made.stop()


def said(receiver: Receiver) -> list[tuple[str, str]]:
    found = [json.loads(line) for line in receiver.lines]
    return [(line.get("talos-service", "kernel"), line["msg"]) for line in found]


def url(port: int) -> str:
    return f"tcp://127.0.0.1:{port}/"


async def reading(node: Node) -> None:
    """The reader has its watch: what is written now is seen."""
    await until(lambda: node.sinks._readers)
    await asyncio.sleep(0.05)


async def test_what_is_written_from_then_on_arrives_with_tags(node: Node, receiver: Receiver) -> None:
    await node.want(LogDestination(url=url(await receiver.start()), tags=(("cluster", "c"),)))
    await receiver.connected()
    await reading(node)
    node.write("etcd", "one\ntw")
    node.write("kubelet", "new log\n")
    node.write("etcd", "o\n\nthree\n")
    node.write("kernel", "[talos] 2026/11/22 23:50:34 of the console\n")
    await until(lambda: len(receiver.lines) >= 4)
    assert sorted(said(receiver)) == [("etcd", "one"), ("etcd", "three"), ("etcd", "two"), ("kubelet", "new log")]
    assert all(json.loads(line)["cluster"] == "c" for line in receiver.lines)


async def test_a_log_that_is_cut_goes_on(node: Node, receiver: Receiver) -> None:
    await node.want(LogDestination(url=url(await receiver.start())))
    await receiver.connected()
    await reading(node)
    node.write("etcd", "a line\n")
    await until(lambda: len(receiver.lines) >= 1)
    logs.rotate_file(node.folder / "etcd.log")
    await asyncio.sleep(0.05)
    node.write("etcd", "next\n")
    await until(lambda: len(receiver.lines) >= 2)
    assert said(receiver) == [("etcd", "a line"), ("etcd", "next")]


async def test_a_receiver_that_was_away_gets_what_waited(node: Node, receiver: Receiver) -> None:
    port = await receiver.start()
    await receiver.stop()
    await node.want(LogDestination(url=url(port)))
    await reading(node)
    node.write("etcd", "one\ntwo\n")
    await asyncio.sleep(0.1)
    await receiver.start(port)
    await until(lambda: len(receiver.lines) >= 2)
    assert said(receiver)[-2:] == [("etcd", "one"), ("etcd", "two")]


async def test_datagrams(node: Node) -> None:
    found: list[bytes] = []

    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            found.append(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    await node.want(LogDestination(url=f"udp://127.0.0.1:{port}"))
    await reading(node)
    node.write("etcd", "one\ntwo\n")
    await until(lambda: len(found) >= 2)
    assert [json.loads(data)["msg"] for data in found] == ["one", "two"]
    transport.close()


async def test_the_kernels_log_has_destinations_of_its_own(node: Node, receiver: Receiver) -> None:
    address = url(await receiver.start())
    spec = KmsgLogConfigSpec(destinations=[address])
    await node.state.modify(KmsgLogConfigSpec, "kmsg-log", lambda _: spec, owner="test")
    await receiver.connected()
    await reading(node)
    node.write("etcd", "not this\n")
    node.write("kernel", "[talos] 2026/11/22 23:50:34 this\n")
    await until(lambda: receiver.lines)
    assert said(receiver) == [("kernel", "[talos] this")]


async def test_a_destination_that_is_not_wanted_any_more_is_left(node: Node, receiver: Receiver) -> None:
    await node.want(LogDestination(url=url(await receiver.start())))
    await receiver.connected()
    await node.want()
    await until(lambda: receiver.ended == 1)
    assert not node.sinks._readers and not node.sinks._queues


async def test_a_full_queue_loses_its_oldest_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sinks, "QUEUE", 3)
    queue = Queue(LogDestination(url="tcp://x:1"), False)
    for number in range(5):
        queue.put(str(number).encode())
    batches = queue.batches()
    first = await anext(batches)
    assert json.loads(first[0])["msg"].startswith("2 lines")
    assert first[1:] == [b"2", b"3", b"4"]
    await batches.aclose()  # the connection ended: it was on its way, and comes again
    again = await anext(queue.batches())
    assert json.loads(again[0])["msg"].startswith("2 lines") and again[1:] == first[1:]


async def test_consoles_show_what_services_write_and_machined_is_there_anyway(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "dev"
    folder.mkdir()
    screens = [folder / "tty0", folder / "ttyS0"]
    for screen in screens:
        screen.write_text("booted\n")
    monkeypatch.setattr(log_console, "CONSOLE", screens[0])
    monkeypatch.setattr(log_console, "other_consoles", lambda: screens[1:])
    await node.want(log_sinks.CONSOLES)
    await reading(node)
    node.write("machined", "2026-01-01T00:00:00.000Z INFO mine\n")
    node.write("kernel", "[talos] 2026/01/01 00:00:00 mine\n")
    node.write("etcd", '{"level":"info","msg":"leader"}\nerase: \x1b[2J\n\n')
    node.write("kubelet", "long " * 1000 + "\n")
    for screen in screens:
        await until(lambda at=screen: at.read_text().count("\n") == 4)
        shown = screen.read_text().splitlines()
        assert shown[:2] == ["booted", '[etcd] {"level":"info","msg":"leader"}']
        assert shown[2] == "[etcd] erase:  [2J"
        assert shown[3].startswith("[kubelet] long long") and len(shown[3]) < 1100
    await node.want()
    await until(lambda: not node.sinks._queues)
    node.write("etcd", "later\n")
    await asyncio.sleep(0.05)
    assert "later" not in screens[0].read_text()


async def test_a_slow_console_loses_lines_and_says_so_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sinks, "QUEUE", 2)
    queue = Queue(log_sinks.CONSOLES, kernel=False)
    for number in range(5):
        queue.put(b"%d" % number)
    batches = queue.batches()
    first, *rest = await anext(batches)
    await batches.aclose()
    assert first.startswith(b"[machined] 3 lines of logs were dropped") and rest == [b"3", b"4"]

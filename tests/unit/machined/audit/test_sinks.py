"""The log at a destination: every line, over TCP across its restarts, over UDP as datagrams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talos.audit.chain import unseal
from talos.config.view.access import AuditSink
from talos.machined.audit import sinks
from talos.machined.audit.log import AuditLog
from talos.machined.audit.sinks import AuditSinks
from talos.resources.config import MachineConfigSpec
from talos.state import InMemoryState


class Receiver:
    """Takes lines over TCP."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.connections = 0
        self.ended = 0

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections += 1
        while line := await reader.readline():
            self.lines.append(line)
        self.ended += 1

    async def connected(self, count: int = 1) -> None:
        """Until somebody sends: from then on every record is sent."""
        await until(lambda: self.connections >= count)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    @property
    def seqs(self) -> list[int]:
        return [unseal(line).head.seq for line in self.lines]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    yield made
    await made.stop()


@pytest.fixture
def audit(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path / "audit", tmp_path / "head.json")
    log.append({"event": "call", "n": 0})
    return log


async def running(audit: AuditLog, *wanted: AuditSink) -> asyncio.Task[None]:
    return asyncio.create_task(AuditSinks(audit, InMemoryState(), lambda: wanted).run())


async def until(condition: object) -> None:
    async with asyncio.timeout(60):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_lines_arrive_as_they_stand_in_the_file(audit: AuditLog, receiver: Receiver) -> None:
    port = await receiver.start()
    task = await running(audit, AuditSink("siem", f"tcp://127.0.0.1:{port}"))
    await receiver.connected()
    for n in range(1, 4):
        audit.append({"event": "call", "n": n})
    await until(lambda: len(receiver.lines) >= 3)
    whole = (audit.folder / "api.log").read_bytes()
    assert whole.endswith(b"".join(receiver.lines))
    await end(task)


async def test_nothing_is_lost_while_the_destination_is_away(
    audit: AuditLog, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(sinks, "MAX_WAIT_S", 0.02)
    port = await receiver.start()
    first = audit.head.seq + 1
    task = await running(audit, AuditSink("siem", f"tcp://127.0.0.1:{port}"))
    await receiver.connected()
    audit.append({"event": "call", "n": 1})
    await until(lambda: receiver.lines)
    await receiver.stop()
    for n in range(2, 20):
        audit.append({"event": "call", "n": n})
    await asyncio.sleep(0.05)
    await receiver.start(port)
    await until(lambda: set(receiver.seqs) >= set(range(first, audit.head.seq + 1)))
    await end(task)


async def test_a_restarted_machined_goes_on_where_it_was(
    audit: AuditLog, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "KEEP_EVERY_S", -1)
    port = await receiver.start()
    sink = AuditSink("siem", f"tcp://127.0.0.1:{port}")
    task = await running(audit, sink)
    await receiver.connected()
    for n in range(5):
        audit.append({"event": "call", "n": n})
        await asyncio.sleep(0.01)
    await until(lambda: len(receiver.lines) >= 5)
    await end(task)
    audit.append({"event": "call", "n": "while machined was down"})
    again = AuditLog(audit.folder, audit.folder.parent / "head.json")
    before = len(receiver.lines)
    task = await running(again, sink)
    await receiver.connected(2)
    again.append({"event": "call", "n": "after"})
    await until(lambda: again.head.seq in receiver.seqs)
    assert set(receiver.seqs) == set(range(min(receiver.seqs), again.head.seq + 1))
    assert min(receiver.seqs[before:]) > min(receiver.seqs)  # not the whole log once more
    await end(task)


async def test_datagrams(audit: AuditLog) -> None:
    got: list[bytes] = []

    class Take(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            got.append(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Take, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    task = await running(audit, AuditSink("siem", f"udp://127.0.0.1:{port}"))
    async with asyncio.timeout(60):
        while not got:
            audit.append({"event": "call", "n": 1})
            await asyncio.sleep(0.01)
    assert unseal(got[-1]).fields["n"] == 1
    await end(task)
    transport.close()


async def test_a_destination_that_is_no_longer_wanted_gets_nothing_more(audit: AuditLog, receiver: Receiver) -> None:
    port = await receiver.start()
    state, wanted = InMemoryState(), [AuditSink("siem", f"tcp://127.0.0.1:{port}")]
    task = asyncio.create_task(AuditSinks(audit, state, lambda: tuple(wanted)).run())
    await receiver.connected()
    audit.append({"event": "call", "n": 1})
    await until(lambda: receiver.lines)
    wanted.clear()
    await state.modify(MachineConfigSpec, "v1alpha1", lambda spec: MachineConfigSpec(text="changed"), owner="test")
    await until(lambda: receiver.ended)
    audit.append({"event": "call", "n": 2})
    await asyncio.sleep(0.05)
    assert len(receiver.lines) == 1
    await end(task)

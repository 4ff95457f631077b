"""The link of apid and machined over a real socket: windows, ends, losses, and any bytes at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from grpclib import GRPCError
from grpclib.const import Cardinality, Handler, Status
from hypothesis import given
from hypothesis import strategies as st

from talos.api import common_pb2
from talos.transport import link_frames as frames
from talos.transport.calls import FIRST_WINDOW_BYTES, STREAM_WINDOW_BYTES, CallError
from talos.transport.http2 import stream_status
from talos.transport.link import MAX_CALLS, LinkStream
from talos.transport.link_client import MachineLink
from talos.transport.link_server import LinkServer, ServedStream

Data = common_pb2.Data
Served = Callable[[ServedStream], Awaitable[None]]


class Peer:
    """A server with one method, and a link to it."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "link.sock")
        self.link = MachineLink(self.path)
        self.cancelled = asyncio.Event()
        self.sent = 0
        self.server = LinkServer({})

    async def serve(self, handler: Served, cardinality: Cardinality = Cardinality.UNARY_STREAM) -> None:
        async def noting(stream: ServedStream) -> None:
            try:
                await handler(stream)
            except asyncio.CancelledError:
                self.cancelled.set()
                raise

        table: Any = {"/m": Handler(noting, cardinality, Data, Data)}  # type: ignore[arg-type]
        self.server = LinkServer(table)
        await self.server.start(self.path)

    async def call(self, *metadata: tuple[str, str]) -> LinkStream:
        stream, self.done = await self.link.open("/m", list(metadata))
        await stream.send_message(Data(bytes=b"request").SerializeToString(), end=True)
        return stream


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    made = Peer(tmp_path)
    yield made
    made.link.close()
    made.server.close()
    await made.server.wait_closed()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def rest(stream: LinkStream) -> list[bytes]:
    found = []
    async with asyncio.timeout(5):
        while (message := await stream.inbox.message()) is not None:
            found.append(Data.FromString(message).bytes)
    return found


async def test_messages_and_the_end_with_trailing_metadata(peer: Peer) -> None:
    seen: list[Any] = []

    async def handler(stream: ServedStream) -> None:
        seen.append((await stream.recv_message(), stream.metadata.getall("k"), stream.user_agent))
        await stream.send_message(Data(bytes=b"one"))
        await stream.send_message(Data(bytes=b""))
        await stream.send_trailing_metadata(status=Status.ABORTED, status_message="über", metadata=[("t", "1")])

    await peer.serve(handler)
    stream = await peer.call(("k", "a"), ("user-agent", "me"), ("k", "b"))
    assert await rest(stream) == [b"one", b""]
    assert stream_status(stream) == (Status.ABORTED.value, "über")
    assert (b"t", b"1") in stream.trailers  # type: ignore[operator]
    assert seen == [(Data(bytes=b"request"), ["a", "b"], "me")]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (GRPCError(Status.NOT_FOUND, "it is not there"), Status.NOT_FOUND, "it is not there"),
        (RuntimeError("a secret"), Status.UNKNOWN, "Internal Server Error"),
        (None, Status.UNKNOWN, "Internal Server Error"),
    ],
)
async def test_the_end_of_a_handler_is_the_status(
    peer: Peer, error: Exception | None, status: Status, text: str
) -> None:
    async def handler(stream: ServedStream) -> None:
        if error is not None:
            raise error  # without an error: a unary method that answers nothing

    await peer.serve(handler, Cardinality.UNARY_UNARY)
    stream = await peer.call()
    assert await rest(stream) == []
    assert stream_status(stream) == (status.value, text)


async def test_a_method_that_is_not_there(peer: Peer) -> None:
    await peer.serve(lambda stream: asyncio.sleep(0))
    stream, _ = await peer.link.open("/nosuch", [])
    stream.start()
    assert await rest(stream) == []
    assert stream_status(stream)[0] == Status.UNIMPLEMENTED.value


async def test_a_reader_that_does_not_read_stops_its_own_call_only(peer: Peer) -> None:
    async def handler(stream: ServedStream) -> None:
        await stream.recv_message()
        for _ in range(400):
            await stream.send_message(Data(bytes=bytes(16_000)))
            peer.sent += 1

    await peer.serve(handler)
    stuck = await peer.call()
    await until(lambda: peer.sent)
    for _ in range(50):
        await asyncio.sleep(0)
    assert peer.sent * 16_000 <= FIRST_WINDOW_BYTES + 16_000
    first, peer.sent = peer.sent, 0
    quick = await peer.call()
    assert len(await rest(quick)) == 400
    assert peer.sent == 400
    await stuck.inbox.message()
    assert LinkStream.grown <= 1
    peer.sent = first
    assert len(await rest(stuck)) == 399


async def test_who_reads_gets_the_large_window(peer: Peer) -> None:
    async def handler(stream: ServedStream) -> None:
        for _ in range(100):
            await stream.send_message(Data(bytes=bytes(16_000)))
            peer.sent += 1
        await asyncio.Event().wait()

    await peer.serve(handler)
    before = LinkStream.grown
    stream = await peer.call()
    taken = 0
    while LinkStream.grown == before:
        await stream.inbox.message()
        taken += 1
    assert taken * 16_000 < 3 * FIRST_WINDOW_BYTES
    for _ in range(200):
        await asyncio.sleep(0)
    ahead = (peer.sent - taken) * 16_000
    assert STREAM_WINDOW_BYTES - 2 * FIRST_WINDOW_BYTES < ahead <= STREAM_WINDOW_BYTES + 16_000
    peer.done()
    assert LinkStream.grown == before


async def test_requests_wait_for_the_handler(peer: Peer) -> None:
    read = asyncio.Event()

    async def handler(stream: ServedStream) -> None:
        await read.wait()
        total = 0
        async for message in stream:
            total += len(message.bytes)
        await stream.send_message(Data(bytes=str(total).encode()))

    await peer.serve(handler, Cardinality.STREAM_UNARY)
    stream, _ = await peer.link.open("/m", [])

    async def send() -> None:
        for _ in range(100):
            await stream.send_message(Data(bytes=bytes(16_000)).SerializeToString())
            peer.sent += 1
        await stream.finish_sending()

    sending = asyncio.create_task(send())
    for _ in range(50):
        await asyncio.sleep(0)
    assert peer.sent * 16_000 <= FIRST_WINDOW_BYTES + 16_000
    read.set()
    assert await rest(stream) == [b"1600000"]
    await sending


async def test_an_answer_too_large_fails_its_own_call(peer: Peer) -> None:
    async def handler(stream: ServedStream) -> None:
        await stream.send_message(Data(bytes=bytes(frames.MAX_PAYLOAD_BYTES)))

    await peer.serve(handler)
    stream, other = await peer.call(), await peer.call()
    for one in (stream, other):
        assert await rest(one) == []
        assert stream_status(one)[0] == Status.RESOURCE_EXHAUSTED.value


async def test_an_abandoned_call_is_cancelled(peer: Peer) -> None:
    async def handler(stream: ServedStream) -> None:
        await stream.send_message(Data(bytes=b"first"))
        await asyncio.Event().wait()

    await peer.serve(handler)
    stream = await peer.call()
    await stream.inbox.message()
    peer.done()
    async with asyncio.timeout(5):
        await peer.cancelled.wait()


async def test_a_deadline_ends_the_handler(peer: Peer) -> None:
    async def handler(stream: ServedStream) -> None:
        await asyncio.Event().wait()

    await peer.serve(handler)
    stream = await peer.call(("grpc-timeout", "10m"))
    assert await rest(stream) == []
    assert stream_status(stream)[0] == Status.DEADLINE_EXCEEDED.value
    assert peer.cancelled.is_set()


async def test_calls_end_with_the_connection_and_the_next_makes_another(peer: Peer) -> None:
    async def handler(stream: ServedStream) -> None:
        await stream.send_message(Data(bytes=b"first"))
        await asyncio.Event().wait()

    await peer.serve(handler)
    stream = await peer.call()
    await stream.inbox.message()
    peer.server.close()
    with pytest.raises(CallError) as caught:
        await rest(stream)
    assert caught.value.status is Status.UNAVAILABLE
    with pytest.raises(CallError):
        await stream.send_message(b"")
    async with asyncio.timeout(5):
        await peer.cancelled.wait()
    await peer.server.wait_closed()
    with pytest.raises(CallError) as caught:
        await peer.call()
    assert caught.value.status is Status.UNAVAILABLE
    Path(peer.path).unlink(missing_ok=True)
    await peer.serve(handler)
    assert await (await peer.call()).inbox.message()


async def test_calls_are_limited_and_the_limit_passes(peer: Peer) -> None:
    async def handler(stream: ServedStream) -> None:
        await stream.send_initial_metadata()
        await asyncio.Event().wait()

    await peer.serve(handler)
    held = [await peer.link.open("/m", []) for _ in range(MAX_CALLS)]
    for one, _ in held:
        one.start()
    await until(lambda: all(one.headers is not None for one, _ in held))
    with pytest.raises(CallError) as caught:
        await peer.link.open("/m", [])
    assert caught.value.status is Status.RESOURCE_EXHAUSTED
    held.pop()[1]()
    stream, _ = await peer.link.open("/m", [])
    stream.start()
    await until(lambda: stream.headers is not None)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user id is taken, which needs root")
async def test_another_user_is_sent_away(peer: Peer) -> None:
    await peer.serve(lambda stream: asyncio.sleep(0))
    Path(peer.path).chmod(0o777)
    Path(peer.path).parent.chmod(0o755)
    script = "import os,socket,sys;os.setuid(12345);s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);" \
        "s.settimeout(5);sys.exit(len(s.recv(1)))"  # fmt: skip
    for parent in list(Path(peer.path).parents)[1:]:
        if parent.stat().st_mode & 0o001:
            break  # from here on everybody may pass
        parent.chmod(0o755)
    process = await asyncio.create_subprocess_exec("python3", "-c", script, peer.path)
    assert await process.wait() == 0
    assert not peer.server.connections


def hostile(kind: int, id: int, payload: bytes) -> bytes:
    return frames.frame(kind, id, payload)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 64,
        frames.HEADER.pack(frames.MAX_PAYLOAD_BYTES + 1, 1, frames.MESSAGE),
        frames.HEADER.pack(frames.MAX_OPENING_BYTES + 1, 1, frames.CALL),
        hostile(frames.CALL, 1, b"\x00"),
        hostile(frames.STATUS, 1, b""),
        frames.call(1, "/m", []) * 2,
        frames.call(1, "/m", []) + hostile(frames.CREDIT, 1, b"123"),
        frames.call(1, "/m", []) + frames.status(1, 0, "", []),
        frames.call(1, "/m", [("grpc-timeout", "soon")]),
        frames.call(1, "/m", []) + hostile(frames.MESSAGE, 1, bytes(FIRST_WINDOW_BYTES)) * 2,
    ],
)
async def test_what_apid_must_not_send_ends_its_connection_only(peer: Peer, data: bytes) -> None:
    await peer.serve(lambda stream: asyncio.Event().wait())  # type: ignore[arg-type,return-value]
    reader, writer = await asyncio.open_unix_connection(peer.path)
    if data[8:9] == bytes([frames.STATUS]):
        writer.write(frames.call(1, "/m", []))
    writer.write(data)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    stream, done = await peer.link.open("/nosuch", [])
    stream.start()
    assert await rest(stream) == []
    done()


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_are_frames_or_refused(parts: list[bytes]) -> None:
    reader = frames.Reader()
    try:
        for part in parts:
            for kind, _id, payload in reader.feed(part):
                assert frames.CALL <= kind <= frames.CREDIT
                if kind == frames.CALL:
                    frames.read_call(payload)
                elif kind == frames.STATUS:
                    frames.read_status(payload)
    except frames.LinkError:
        pass


@given(st.lists(st.tuples(st.sampled_from([frames.MESSAGE, frames.LAST, frames.END]), st.integers(0, 2**32 - 1),
                          st.binary(max_size=100)), max_size=6), st.integers(1, 50))  # fmt: skip
def test_frames_arrive_however_they_are_cut(sent: list[tuple[int, int, bytes]], size: int) -> None:
    data = b"".join(frames.frame(*one) for one in sent)
    reader = frames.Reader()
    assert [one for at in range(0, len(data), size) for one in reader.feed(data[at : at + size])] == sent


async def test_an_error_that_repeats_megabytes_ends_its_call_and_no_other(peer: Peer) -> None:
    """A path of four megabytes came back in the text of the error, and the link was closed over it."""

    async def handler(stream: ServedStream) -> None:
        request = await stream.recv_message()
        raise GRPCError(Status.INVALID_ARGUMENT, f"{request.bytes.decode()}: file name too long")

    await peer.serve(handler)
    other, done = await peer.link.open("/m", [])
    stream, _ = await peer.link.open("/m", [])
    await stream.send_message(Data(bytes="ä".encode() * (1 << 20)).SerializeToString(), end=True)
    assert await rest(stream) == []
    code, text = stream_status(stream)
    assert code == Status.INVALID_ARGUMENT.value and text.startswith("äää")
    assert len(text.encode()) <= frames.MAX_TEXT_BYTES + 40 and text.endswith("bytes more)")
    await other.send_message(Data(bytes=b"short").SerializeToString(), end=True)
    assert await rest(other) == []
    assert stream_status(other) == (Status.INVALID_ARGUMENT.value, "short: file name too long")
    done()


@pytest.mark.parametrize(
    ("path", "text"), [("/a.B/C", "unknown service a.B"), ("/x.Y/C", "unknown method C for service x.Y")]
)
async def test_what_is_not_served_is_named(peer: Peer, path: str, text: str) -> None:
    async def handler(_stream: ServedStream) -> None: ...

    await peer.serve(handler)
    peer.server.table["/x.Y/Z"] = peer.server.table["/m"]
    stream, done = await peer.link.open(path, [])
    await stream.send_message(b"", end=True)
    assert await rest(stream) == []
    assert stream_status(stream) == (Status.UNIMPLEMENTED.value, text)
    done()

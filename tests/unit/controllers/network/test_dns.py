from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.controllers.network import dns_forwarder
from talos.controllers.network import dns_message as dns
from talos.controllers.network.dns_forwarder import Forwarder, Listener, Upstream
from talos.state.clock import LoopClock


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def query(text: str, type_: int = dns.TYPE_A, id_: int = 7, size: int = 0) -> bytes:
    opt = b"\0" + struct.pack("!HHIH", dns.TYPE_OPT, size, 0, 0) if size else b""
    return struct.pack("!HHHHHH", id_, 0x0100, 1, 0, 0, bool(size)) + name(text) + struct.pack("!HH", type_, 1) + opt


def response(asked: bytes, ttl: int = 60, count: int = 1, code: int = 0) -> bytes:
    question = dns.parse_query(asked)
    record = struct.pack("!HHHIH4s", 0xC00C, dns.TYPE_A, 1, ttl, 4, b"\x0a\x00\x00\x01")
    head = struct.pack("!HHHHHH", question.id, 0x8180 | code, 1, count, 0, 0)
    return head + asked[12 : question.end] + record * count


class Clock(LoopClock):
    """Monotonic time moved by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Server(asyncio.DatagramProtocol):
    """An upstream whose answers the test decides."""

    def __init__(self) -> None:
        self.queries: list[bytes] = []
        self.reply: Callable[[bytes], bytes | None] = response
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.queries.append(data)
        answer = self.reply(data)
        if answer is not None:
            self.transport.sendto(answer, address)

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])


@pytest.fixture
async def upstream() -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    yield server
    transport.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forwarder(upstream: Server, clock: Clock) -> Forwarder:
    found = Forwarder(clock)
    found.set_upstreams([Upstream("127.0.0.1", upstream.port)])
    return found


@given(st.binary(max_size=200))
def test_any_bytes_are_a_query_or_an_error(data: bytes) -> None:
    try:
        dns.parse_query(data)
    except (dns.DnsError, struct.error):
        return


def test_question_is_read() -> None:
    question = dns.parse_query(query("WWW.Example.org", dns.TYPE_AAAA, 9, 1232))
    assert (question.id, question.name, question.type, question.udp_size) == (9, "www.example.org", dns.TYPE_AAAA, 1232)


def test_pointer_loop_is_an_error() -> None:
    data = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack("!HH", 1, 1)
    with pytest.raises(dns.DnsError):
        dns.parse_query(data)


def test_a_name_is_no_longer_than_a_name_may_be() -> None:
    """One message of names that point at names would keep networkd busy for minutes."""
    longest = b"".join(bytes([63]) + b"x" * 63 for _ in range(3)) + bytes([61]) + b"x" * 61 + b"\0"
    head = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0)
    assert len(longest) == 255
    assert len(dns.parse_query(head + longest + struct.pack("!HH", 1, 1)).name) == 253
    with pytest.raises(dns.DnsError, match="255"):
        dns.parse_query(head + b"\x01x" + longest + struct.pack("!HH", 1, 1))


async def test_a_flood_of_questions_takes_a_bounded_number_of_sockets(
    forwarder: Forwarder, upstream: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns_forwarder, "_MAX_QUESTIONS", 3)
    upstream.reply = lambda _query: None
    listener = dns_forwarder._UdpListener(forwarder)
    for number in range(10):
        listener.datagram_received(query(f"n{number}.example"), ("127.0.0.1", 9))
    assert len(listener._tasks) == 3
    for task in list(listener._tasks):
        task.cancel()
    await asyncio.gather(*listener._tasks, return_exceptions=True)


async def test_idle_connections_do_not_pile_up(forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_forwarder, "_MAX_CONNECTIONS", 2)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listener = Listener(forwarder, "127.0.0.1", port)
    await listener.start()
    try:
        writers = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            asked = query("a.example")
            writer.write(struct.pack("!H", len(asked)) + asked)
            assert await reader.readexactly(2)
            writers.append(writer)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        for each in (*writers, writer):
            each.close()
    finally:
        listener.close()


async def test_answer_carries_the_askers_id_not_the_one_sent_on(forwarder: Forwarder, upstream: Server) -> None:
    answer = await forwarder.answer(query("a.example", id_=4242), tcp=False)
    assert answer is not None
    assert answer[:2] == struct.pack("!H", 4242)
    assert len(upstream.queries) == 1


async def test_cache_answers_until_the_ttl_and_counts_it_down(
    forwarder: Forwarder, upstream: Server, clock: Clock
) -> None:
    asked = query("a.example")
    await forwarder.answer(asked, tcp=False)
    clock.now += 20
    answer = await forwarder.answer(query("A.example", id_=8), tcp=False)
    assert answer is not None
    assert len(upstream.queries) == 1
    assert struct.unpack_from("!I", answer, len(answer) - 10)[0] == 40
    clock.now += 41
    await forwarder.answer(asked, tcp=False)
    assert len(upstream.queries) == 2


async def test_failures_are_not_cached(forwarder: Forwarder, upstream: Server) -> None:
    upstream.reply = lambda data: response(data, code=dns.SERVFAIL)
    for _ in range(2):
        await forwarder.answer(query("a.example"), tcp=False)
    assert len(upstream.queries) == 2


async def test_forged_answer_is_ignored(forwarder: Forwarder, upstream: Server) -> None:
    def reply(data: bytes) -> bytes:
        address = upstream.transport
        del address
        return response(dns.with_id(data, (data[0] << 8 | data[1]) ^ 1))

    upstream.reply = reply
    task = asyncio.ensure_future(forwarder.answer(query("a.example"), tcp=False))
    done, _pending = await asyncio.wait({task}, timeout=0.1)
    assert not done, "an answer with another id must not count"
    task.cancel()


async def test_without_upstream_it_refuses_at_once(clock: Clock) -> None:
    answer = await Forwarder(clock).answer(query("a.example"), tcp=False)
    assert answer is not None
    assert dns.code(answer) == dns.REFUSED


async def test_upstream_where_nobody_listens_is_refused_and_noted(clock: Clock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    changes: list[bool] = []
    forwarder = Forwarder(clock, lambda: changes.append(True))
    forwarder.set_upstreams([Upstream("127.0.0.1", port)])
    answer = await forwarder.answer(query("a.example"), tcp=False)
    assert answer is not None
    assert dns.code(answer) == dns.REFUSED
    assert not forwarder.upstreams[0].healthy
    assert changes


async def test_second_upstream_answers_for_the_first(forwarder: Forwarder, upstream: Server) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        dead = unused.getsockname()[1]
    forwarder.set_upstreams([Upstream("127.0.0.1", dead), Upstream("127.0.0.1", upstream.port)])
    answer = await forwarder.answer(query("a.example"), tcp=False)
    assert answer is not None
    assert dns.code(answer) == dns.NOERROR


async def test_own_name_needs_no_upstream(clock: Clock) -> None:
    forwarder = Forwarder(clock)
    forwarder.local = {"node1": ["10.5.0.2"]}
    answer = await forwarder.answer(query("Node1"), tcp=False)
    assert answer is not None
    assert answer.endswith(b"\x0a\x05\x00\x02")
    none = await forwarder.answer(query("node1", dns.TYPE_AAAA), tcp=False)
    assert none is not None
    assert (dns.code(none), none[6:8]) == (dns.NOERROR, b"\0\0")


async def test_long_answer_is_truncated_for_udp_only(forwarder: Forwarder, upstream: Server) -> None:
    upstream.reply = lambda data: response(data, count=40)
    short = await forwarder.answer(query("a.example"), tcp=False)
    assert short is not None
    assert len(short) <= dns.PLAIN_UDP_SIZE
    assert short[2] & 0x02
    whole = await forwarder.answer(query("a.example"), tcp=True)
    assert whole is not None
    assert len(whole) > dns.PLAIN_UDP_SIZE
    wide = await forwarder.answer(query("a.example", size=4096), tcp=False)
    assert wide is not None
    assert not wide[2] & 0x02


async def test_listener_serves_udp_and_tcp(forwarder: Forwarder) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listener = Listener(forwarder, "127.0.0.1", port)
    await listener.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = query("a.example")
        for _ in range(2):
            writer.write(struct.pack("!H", len(asked)) + asked)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            assert (await reader.readexactly(length))[:2] == asked[:2]
        writer.close()
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(("127.0.0.1", port))
            await loop.sock_sendall(client, asked)
            assert (await asyncio.wait_for(loop.sock_recv(client, 512), 5))[:2] == asked[:2]
    finally:
        listener.close()

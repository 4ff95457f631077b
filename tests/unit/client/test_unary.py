"""Unary calls without an event loop: what they say is what `Client` says, against servers of both kinds."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from grpclib import Status
from hypothesis import given
from hypothesis import strategies as st
from tests.golden.replay import Replay

from talos.api import machine_pb2
from talos.client import ApiError, Client, Context, TalosConfig, unary, unary_frames
from talos.client.errors import status_name
from talos.client.tls import client_context, server_context
from talos.pki import certificates

VERSION = "/machine.MachineService/Version"
ANSWER = machine_pb2.VersionResponse(messages=[machine_pb2.Version(version=machine_pb2.VersionInfo(tag="v1"))])


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """An API of grpclib: its headers are compressed, its settings are those of h2."""
    with Replay(tmp_path_factory.mktemp("replay")) as found:
        found.on("one", VERSION, ANSWER)
        found.on("big", VERSION, machine_pb2.VersionResponse(messages=[_version("x" * 3_000_000)]))
        found.on("none", VERSION)
        found.fail("bad", VERSION, Status.NOT_FOUND, "stat /nosuch: no such file – really")
        yield found


def _version(sha: str) -> machine_pb2.Version:
    return machine_pb2.Version(version=machine_pb2.VersionInfo(sha=sha))


def _context(replay: Replay) -> Context:
    return TalosConfig.load(replay.talosconfig).select()


def ask(replay: Replay, *nodes: str, request: bytes = b"", **options: Any) -> list[bytes | ApiError]:
    return unary.ask_context(_context(replay), [], VERSION, [(node, request) for node in nodes], **options)


def test_several_nodes_on_one_connection(replay: Replay) -> None:
    one, bad, big, gone = ask(replay, "one", "bad", "big", "nowhere")
    assert isinstance(one, bytes) and machine_pb2.VersionResponse.FromString(one) == ANSWER
    assert isinstance(big, bytes) and len(big) > 3_000_000  # more than any window that was not asked for
    assert isinstance(bad, ApiError) and bad.node == "bad"
    assert (bad.status, bad.text) == (Status.NOT_FOUND, "stat /nosuch: no such file – really")
    assert isinstance(gone, ApiError) and "no route to nowhere" in gone.text


def test_no_answer_at_all_is_an_error(replay: Replay) -> None:
    (answer,) = ask(replay, "none")
    assert isinstance(answer, ApiError)


@pytest.mark.parametrize("node", ["one", "bad", "nowhere", "none"])
def test_both_clients_say_the_same(replay: Replay, node: str) -> None:
    async def other() -> bytes | ApiError:
        async with Client.from_context(_context(replay)) as client:
            try:
                found: bytes = (await client.call(VERSION, node=node)).SerializeToString()
            except ApiError as error:
                return error
            return found

    (mine,), theirs = ask(replay, node), asyncio.run(other())
    if isinstance(mine, ApiError) and isinstance(theirs, ApiError):
        assert mine.node == theirs.node
        if node != "none":  # a server that says OK and sends nothing: each client has its own words
            assert str(mine) == str(theirs)
    else:
        assert mine == theirs


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_the_next_endpoint_where_one_does_not_answer(replay: Replay) -> None:
    context = _context(replay)
    alive, dead = context.endpoints[0], f"127.0.0.1:{_closed_port()}"
    for _ in range(8):  # it begins at a random one
        (answer,) = unary.ask_context(context, [dead, alive, "not a host:1:2:3]"], VERSION, [("one", b"")])
        assert isinstance(answer, bytes)
    (answer,) = unary.ask_context(context, [dead, "[fd00::1"], VERSION, [("one", b"")])
    assert isinstance(answer, ApiError) and answer.status is Status.UNAVAILABLE
    assert dead in answer.text and "Connection refused" in answer.text


def test_a_server_of_another_authority(replay: Replay) -> None:
    context = _context(replay)
    other = certificates.new_authority("talos")
    (answer,) = unary.ask(
        client_context([other.crt], context.crt, context.key), context.endpoints, VERSION, [("one", b"")]
    )
    assert isinstance(answer, ApiError) and "not signed by the CA of this talosconfig" in answer.text


@pytest.mark.parametrize("foreign", [True, False])
def test_a_certificate_that_the_server_refuses(replay: Replay, foreign: bool) -> None:
    """The refusal comes after the handshake, in place of the first frame, to requests that were sent already."""
    context = _context(replay)
    pair = certificates.api_client(certificates.new_authority("talos"), ["os:admin"])
    tls = client_context([context.ca], pair.crt, pair.key) if foreign else client_context([context.ca])
    (answer,) = unary.ask(tls, context.endpoints, VERSION, [("one", b"")])
    assert isinstance(answer, ApiError) and answer.status is Status.UNAVAILABLE
    assert "certificate" in answer.text


def test_what_does_not_fit_is_not_asked_this_way() -> None:
    assert unary.fits([("a", b""), ("b", b"x" * 1000)])
    assert not unary.fits([("a", b"x" * 20_000)])
    assert not unary.fits([("a", b"x" * 10_000)] * 5)
    assert not unary.fits([(str(n), b"") for n in range(51)])


def test_a_call_that_was_sent_and_lost_is_not_sent_again(replay: Replay) -> None:
    """The first endpoint takes the request and dies: it may have begun what it was asked for."""
    context = _context(replay)
    authority = certificates.new_authority("talos")
    pair = certificates.issue_pair(authority, ip_addresses=["127.0.0.1"], usage=certificates.Usage.SERVER)
    tls = server_context(pair.crt, pair.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        plain, _ = listener.accept()
        with tls.wrap_socket(plain, server_side=True) as sock:
            sock.recv(65536)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    replay.calls.clear()
    trusting = client_context([authority.crt, context.ca], context.crt, context.key)
    dies = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unary.os, "urandom", lambda _size: b"\0")  # the first one first
        (answer,) = unary.ask(trusting, [dies, *context.endpoints], VERSION, [("one", b"")])
    assert isinstance(answer, ApiError) and answer.status is Status.UNAVAILABLE
    thread.join(10)
    listener.close()
    assert not replay.calls


class _Wire:
    """A socket that says what it is told to, piece by piece, and then ends."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces, self.sent = pieces, b""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, _size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def settimeout(self, _seconds: float | None) -> None: ...


def _exchange(*pieces: bytes, calls: int = 1, timeout: float | None = None) -> tuple[list[bytes | ApiError], _Wire]:
    wire = _Wire(list(pieces))
    exchange = unary._Exchange(wire, "10.0.0.1", VERSION, [("n", b"")] * calls, timeout)  # type: ignore[arg-type]
    try:
        return exchange.run(), wire
    except OSError as error:
        return exchange.lost(str(error)), wire


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return unary_frames.frame(kind, flags, stream, payload)


OK = b"\x88" + b"\0\x0bgrpc-status\x010"
DATA = b"\0\0\0\0\x02hi"


@given(st.lists(st.integers(1, 60), max_size=8))
def test_pieces_of_any_size(sizes: list[int]) -> None:
    whole = (
        frame(4, 0, 0)
        + frame(1, 4, 1, b"\x88")
        + frame(0, 8, 1, b"\x02" + DATA + b"\0\0")
        + frame(6, 0, 0, b"12345678")
        + frame(1, 1, 1, OK[:4])
        + frame(9, 4, 1, OK[4:])
    )
    pieces = []
    for size in sizes:
        pieces.append(whole[:size])
        whole = whole[size:]
    found, wire = _exchange(*filter(None, pieces), whole)
    assert found == [b"hi"]
    assert frame(4, 1, 0) in wire.sent and frame(6, 1, 0, b"12345678") in wire.sent


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "unreadable answer"),
        ([frame(1, 5, 3, OK)], "stream 3"),
        ([frame(1, 5, 2, OK)], "stream 2"),
        ([frame(5, 4, 1, OK)], "push"),
        ([frame(9, 4, 1, OK)], "without having begun"),
        ([frame(1, 0, 1, OK), frame(0, 0, 1, DATA)], "amid headers"),
        ([frame(1, 0, 1, OK), *[frame(9, 0, 1, b"\0" * 65_000)] * 3], "endless"),
        ([frame(0, 8, 1, b"\x09abc")], "padding"),
        ([frame(1, 4, 1, b"\x88\xff\xff\xff\xff\xff\xff")], "headers"),
        ([frame(3, 0, 1, b"\0\0\0\x08")], "ended the call (code 8)"),
        ([frame(7, 0, 0, b"\0\0\0\0\0\0\0\0"), b""], "ended the call (code 7)"),
        ([frame(1, 5, 1, b"\x88")], "without gRPC status (HTTP status 200)"),
        ([frame(1, 5, 1, OK)], "not one whole message"),
        ([frame(1, 4, 1, OK), frame(0, 1, 1, b"\x01" + DATA[1:])], "not one whole message"),
        ([], "closed the connection"),
    ],
)
def test_what_is_no_answer(pieces: list[bytes], words: str) -> None:
    (answer,), _ = _exchange(*pieces)
    assert isinstance(answer, ApiError) and words in answer.text, answer
    assert status_name(answer.status) in ("Internal", "Unavailable", "Unknown")


def test_what_was_complete_before_the_connection_ended_counts() -> None:
    first = frame(1, 4, 1, b"\x88") + frame(0, 0, 1, DATA) + frame(1, 5, 1, OK)
    (one, two), _ = _exchange(first, calls=2)
    assert one == b"hi" and isinstance(two, ApiError) and two.status is Status.UNAVAILABLE


@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 255), st.integers(0, 5), st.binary(max_size=40)), max_size=6)
)
def test_any_frames_give_an_answer_or_an_error(frames: list[tuple[int, int, int, bytes]]) -> None:
    found, _ = _exchange(*(frame(*one) for one in frames), calls=2)
    assert len(found) == 2


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_any_bytes_give_an_error(pieces: list[bytes]) -> None:
    (answer,), _ = _exchange(*filter(None, pieces))
    assert isinstance(answer, ApiError)


def test_a_server_that_says_nothing_ends_by_the_deadline(replay: Replay) -> None:
    """It takes the request and the time with it (grpc-timeout), and never answers."""
    authority = certificates.new_authority("talos")
    pair = certificates.issue_pair(authority, ip_addresses=["127.0.0.1"], usage=certificates.Usage.SERVER)
    context: ssl.SSLContext = server_context(pair.crt, pair.key)
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def serve() -> None:
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as sock:
            while block := sock.recv(65536):
                seen.append(block)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
    (answer,) = unary.ask(client_context([authority.crt]), [endpoint], VERSION, [("n", b"")], timeout=0.2)
    assert isinstance(answer, ApiError) and answer.status is Status.DEADLINE_EXCEEDED
    thread.join(10)
    listener.close()
    assert b"grpc-timeout" in b"".join(seen) and b"200m" in b"".join(seen)

"""Both clients through real proxies of both kinds, and what is said of one that refuses."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.golden.replay import Replay

from talos.api import machine_pb2
from talos.client import ApiError, Client, ConfigError, Context, TalosConfig, proxy, unary

VERSION = "/machine.MachineService/Version"


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("replay")) as found:
        info = machine_pb2.VersionInfo(tag="v1")
        found.on("one", VERSION, machine_pb2.VersionResponse(messages=[machine_pb2.Version(version=info)]))
        yield found


class _Proxy(socketserver.BaseRequestHandler):
    """HTTP CONNECT and SOCKS 5; whoever names a user must be `me:secret word`. Everything goes to where it is asked."""

    def handle(self) -> None:
        server: Any = self.server
        first = self.request.recv(1, socket.MSG_PEEK)
        target = self._http() if first == b"C" else self._socks()
        if target is None:
            return
        server.targets.append(target)
        with socket.create_connection(target) as there:
            pump = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
            pump.start()
            _pump(self.request, there)
            pump.join(5)

    def _http(self) -> tuple[str, int] | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.request.recv(1)
        server: Any = self.server
        if server.user and b"Basic bWU6c2VjcmV0IHdvcmQ=" not in head:
            self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return None
        self.request.sendall(b"HTTP/1.1 200 OK\r\nVia: a test\r\n\r\n")
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        return host, int(port)

    def _socks(self) -> tuple[str, int] | None:
        server: Any = self.server
        _, count = self.request.recv(2)
        methods = self.request.recv(count)
        if server.user:
            if 2 not in methods:
                self.request.sendall(b"\x05\xff")
                return None
            self.request.sendall(b"\x05\x02")
            assert self.request.recv(2) == b"\x01\x02"
            assert self.request.recv(2) == b"me"
            (size,) = self.request.recv(1)
            good = self.request.recv(size) == b"secret word"
            self.request.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return None
        else:
            self.request.sendall(b"\x05\x00")
        kind = self.request.recv(4)[3]
        host = (
            socket.inet_ntoa(self.request.recv(4)) if kind == 1 else self.request.recv(self.request.recv(1)[0]).decode()
        )
        port = int.from_bytes(self.request.recv(2), "big")
        failure = 5 if port == 1 else 0
        self.request.sendall(bytes((5, failure, 0, 1)) + bytes(6))
        return None if failure else (host, port)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def running(user: bool = False) -> Iterator[Any]:
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Proxy) as server:
        made: Any = server
        made.targets, made.user = [], user
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def context(replay: Replay, url: str, endpoint: str = "") -> Context:
    found = TalosConfig.load(replay.talosconfig).select()
    found.extra["proxy-url"] = url
    if endpoint:
        found.endpoints = [endpoint]
    return found


def both(found: Context) -> list[bytes | ApiError]:
    """Each client's answer."""

    async def asynchronous() -> bytes | ApiError:
        async with Client.from_context(found) as client:
            try:
                data: bytes = (await client.call(VERSION, node="one")).SerializeToString()
            except ApiError as error:
                return error
            return data

    return [*unary.ask_context(found, [], VERSION, [("one", b"")]), asyncio.run(asynchronous())]


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
@pytest.mark.parametrize("user", [False, True])
def test_calls_go_through_it(scheme: str, user: bool, replay: Replay) -> None:
    with running(user) as server:
        name = "me:secret%20word@" if user else ""
        found = context(replay, f"{scheme}://{name}127.0.0.1:{server.server_address[1]}")
        assert all(isinstance(answer, bytes) for answer in both(found)), both(found)
        host, _, port = found.endpoints[0].partition(":")
        assert set(server.targets) == {(host, int(port))}


@pytest.mark.parametrize(
    ("url", "endpoint", "user", "words"),
    [
        ("http://127.0.0.1:{}", "", True, "407 Proxy Authentication Required"),
        ("socks5://127.0.0.1:{}", "", True, "asks for user and password"),
        ("socks5://me:wrong@127.0.0.1:{}", "", True, "does not accept user and password"),
        ("socks5://127.0.0.1:{}", "127.0.0.1:1", False, "connection refused"),
        ("http://127.0.0.1:1", "", False, "Connection refused"),
        ("https://127.0.0.1:{}", "", False, "http:// or socks5://"),
    ],
)
def test_what_it_refuses_is_said(url: str, endpoint: str, user: bool, words: str, replay: Replay) -> None:
    with running(user) as server:
        for answer in both(context(replay, url.format(server.server_address[1]), endpoint)):
            assert isinstance(answer, ApiError) and words in answer.text and "prox" in answer.text, answer


@given(st.binary(max_size=60))
def test_any_answer_is_an_error_and_ends(data: bytes) -> None:
    for handshake in (proxy._http, proxy._socks):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(5)
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)
            try:
                handshake(ours, "host", 50000, ("", ""))
            except proxy.ProxyError:
                continue
            assert data.startswith((b"HTTP/1.", b"\x05\0"))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://p:3128", True),
        ("socks5://u:p@[fd00::1]:1080/", True),
        ("http://p", True),
        ("https://p:1", False),
        ("p:3128", False),
        ("http://", False),
        ("http://p:x", False),
        ("http://p/path", False),
    ],
)
def test_urls(url: str, good: bool) -> None:
    assert (proxy.check(url) == "") == good


def test_a_wrong_one_in_the_file_names_the_field(replay: Replay) -> None:
    for answer in both(context(replay, "ftp://x")):
        assert isinstance(answer, ApiError) and "proxy-url" in answer.text
    with pytest.raises(ConfigError):
        Client.from_context(Context(extra={"proxy-url": "http://p"}))

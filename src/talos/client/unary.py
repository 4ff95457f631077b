"""A unary call to one node or to several, on one connection, without an event loop.

A command that asks once and ends pays more for importing asyncio, grpclib and h2 (60 ms of processor time) than for its
call. Here is what such a call needs of HTTP/2 (RFC 9113) and of gRPC over it: no state that outlives the answers, and a
window that no answer fills. `Client` is for everything else: streams, many calls, callers that are asynchronous.

Two more things make it quick. The requests leave with the end of the handshake, not a round trip later: a server that
refuses the client certificate answers with an alert and has read none of them (RFC 8446, 4.4.2.4), so another endpoint
may be tried. And the host goes to the resolver and to TLS as bytes: as text, Python imports its tables of international
names.
"""

from __future__ import annotations

import os
import socket
import ssl
import time

from grpclib.const import Status

from talos.client import unary_frames as h2
from talos.client.address import CONNECT_TIMEOUT_S, split_address
from talos.client.config import NO_ENDPOINT, ConfigError, tls_context
from talos.client.errors import ApiError, connection_text
from talos.client.keepalive import watch_for_death

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from talos.client.config import Context

MAX_CALLS = 50
MAX_REQUESTS_BYTES = 48 << 10
"""together: what fits into the windows that a peer grants before it has said anything (RFC 9113, 6.9.2)"""
MAX_REQUEST_BYTES = 16 << 10
"""one frame, of the size that every peer takes"""

_BLOCK = 64 << 10


def fits(calls: Sequence[tuple[str, bytes]]) -> bool:
    """Can be asked in this way."""
    sizes = [len(request) + 5 for _, request in calls]
    return len(sizes) <= MAX_CALLS and sum(sizes) <= MAX_REQUESTS_BYTES and max(sizes, default=0) <= MAX_REQUEST_BYTES


def ask_context(
    context: Context,
    endpoints: Sequence[str],
    path: str,
    calls: Sequence[tuple[str, bytes]],
    timeout: float | None = None,
) -> list[bytes | ApiError]:
    """As `ask`, by a context of the client configuration; `endpoints` instead of its own. ConfigError."""
    tls = tls_context(context)
    if not (chosen := endpoints or context.endpoints):
        raise ConfigError(NO_ENDPOINT)
    return ask(tls, chosen, path, calls, timeout, context.proxy)


def ask(
    context: ssl.SSLContext,
    endpoints: Sequence[str],
    path: str,
    calls: Sequence[tuple[str, bytes]],
    timeout: float | None = None,
    proxy: str = "",
) -> list[bytes | ApiError]:
    """Answers in the order of the calls; a call is (target behind the endpoint, request). `timeout` in seconds is of
    all of them together, connecting not counted. Nothing is raised for what goes wrong on the way or at a node."""
    reasons = []
    first = os.urandom(1)[0] % len(endpoints)
    for endpoint in (*endpoints[first:], *endpoints[:first]):
        try:
            sock = _connected(endpoint, context, proxy)
        except (OSError, ValueError) as error:  # a wrong address too: a certificate for another name is an OSError
            reasons.append(connection_text(endpoint, error) if isinstance(error, OSError) else str(error))
            continue
        exchange = _Exchange(sock, endpoint, path, calls, timeout)
        try:
            return exchange.run()
        except OSError as error:
            if exchange.greeted or "ALERT" not in (getattr(error, "reason", None) or ""):
                # Nobody knows whether the node has begun what it was asked for.
                return exchange.lost(connection_text(endpoint, error))
            reasons.append(connection_text(endpoint, error))
        finally:
            exchange.close()
    return [ApiError(Status.UNAVAILABLE, "; ".join(reasons), node) for node, _ in calls]


def _connected(endpoint: str, context: ssl.SSLContext, proxy: str) -> ssl.SSLSocket:
    """OSError, of which TLS' own errors are."""
    host, port = split_address(endpoint)
    until = time.monotonic() + CONNECT_TIMEOUT_S
    name: Any = host.encode() if host.isascii() else host
    if proxy:
        from talos.client.proxy import connect

        plain = connect(proxy, host, port, CONNECT_TIMEOUT_S)
    else:
        plain = socket.create_connection((name, port), CONNECT_TIMEOUT_S)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch_for_death(plain)
        plain.settimeout(max(0.001, until - time.monotonic()))
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


class _Answer:
    """What has come on one stream."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.data = bytearray()
        self.done = False
        self.reset: int | None = None


class _Exchange:
    """The calls on one connection."""

    def __init__(
        self,
        sock: ssl.SSLSocket,
        endpoint: str,
        path: str,
        calls: Sequence[tuple[str, bytes]],
        timeout: float | None,
    ) -> None:
        self._sock, self._endpoint, self._path, self._calls, self._timeout = sock, endpoint, path, calls, timeout
        self._answers = [_Answer() for _ in calls]
        self._block: tuple[int, int, bytearray] | None = None  # stream, flags, header block that is still going on
        self._decoder: Any = None
        self.greeted = False

    def run(self) -> list[bytes | ApiError]:
        """OSError where the connection ends."""
        until = None if self._timeout is None else time.monotonic() + self._timeout
        self._sock.settimeout(self._timeout)
        self._sock.sendall(self._requests())
        received = bytearray()
        while not all(answer.done for answer in self._answers):
            if until is not None:
                self._sock.settimeout(max(0.001, until - time.monotonic()))
            try:
                block = self._sock.recv(_BLOCK)
            except TimeoutError:
                return [
                    ApiError(Status.DEADLINE_EXCEEDED, f"{self._endpoint} did not answer in time", node)
                    for node, _ in self._calls
                ]
            if not block:
                raise ConnectionResetError("it closed the connection")
            self.greeted = True
            received += block
            try:
                for kind, flags, stream, payload in h2.frames(received):
                    self._take(kind, flags, stream, payload)
            except h2.Unreadable as error:
                return self._unfinished(Status.INTERNAL, f"{self._endpoint}: unreadable answer ({error})")
        return self._results()

    def lost(self, reason: str) -> list[bytes | ApiError]:
        """The answers that were complete when the connection ended."""
        return self._unfinished(Status.UNAVAILABLE, reason)

    def close(self) -> None:
        """Say goodbye and go: nobody waits for the other side's."""
        try:
            self._sock.settimeout(0)
            self._sock.unwrap()
        except (OSError, ValueError):
            pass
        self._sock.close()

    def _requests(self) -> bytes:
        settings = b"".join(
            key.to_bytes(2, "big") + value.to_bytes(4, "big")
            for key, value in h2.OUR_SETTINGS
        )
        out = bytearray(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0, settings))
        out += h2.frame(h2.WINDOW, 0, 0, (h2.MAX_WINDOW - 0xFFFF).to_bytes(4, "big"))
        for number, (node, request) in enumerate(self._calls):
            stream = 2 * number + 1
            out += h2.frame(h2.HEADERS, h2.END_HEADERS, stream, self._headers(node))
            out += h2.frame(h2.DATA, h2.END_STREAM, stream, b"\0" + len(request).to_bytes(4, "big") + request)
        return bytes(out)

    def _headers(self, node: str) -> bytes:
        headers = [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", self._path),
            (":authority", self._endpoint),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "grpc-python-talosctl"),
        ]
        if self._timeout is not None:
            headers.append(("grpc-timeout", f"{max(1, int(self._timeout * 1000))}m"))
        if node:
            headers.append(("node", node))
        return b"".join(b"\0" + h2.text_literal(name) + h2.text_literal(value) for name, value in headers)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._block is not None and (kind != h2.CONTINUATION or stream != self._block[0]):
            raise h2.Unreadable("a frame amid headers")
        if kind == h2.SETTINGS and not flags & h2.ACK:
            self._sock.sendall(h2.frame(h2.SETTINGS, h2.ACK, 0, b""))
        elif kind == h2.PING and not flags & h2.ACK:
            self._sock.sendall(h2.frame(h2.PING, h2.ACK, 0, payload))
        elif kind == h2.GOAWAY:
            self._going(int.from_bytes(payload[:4], "big"))
        elif kind == h2.PUSH:
            raise h2.Unreadable("a push, which was forbidden")
        elif kind == h2.CONTINUATION:
            if self._block is None:
                raise h2.Unreadable("headers that go on without having begun")
            self._block[2].extend(payload)
            self._header_block(flags)
        elif kind in (h2.DATA, h2.HEADERS, h2.RST_STREAM):
            number, even = divmod(stream - 1, 2)
            if stream < 1 or even or number >= len(self._answers):
                raise h2.Unreadable(f"stream {stream}, which was never opened")
            answer = self._answers[number]
            if kind == h2.RST_STREAM:
                answer.reset, answer.done = int.from_bytes(payload[:4], "big"), True
            elif kind == h2.DATA:
                answer.data += h2.unpadded(flags, payload)
                answer.done |= bool(flags & h2.END_STREAM)
            else:
                payload = h2.unpadded(flags, payload)
                self._block = (stream, flags, bytearray(payload[5 if flags & h2.PRIORITY else 0 :]))
                self._header_block(flags)

    def _header_block(self, flags: int) -> None:
        assert self._block is not None
        stream, first, block = self._block
        if len(block) > h2.HEADERS_BYTES:
            raise h2.Unreadable("endless headers")
        if flags & h2.END_HEADERS:
            self._block = None
            answer = self._answers[(stream - 1) // 2]
            answer.headers |= self._decoded(bytes(block))
            answer.done |= bool(first & h2.END_STREAM)

    def _decoded(self, block: bytes) -> dict[str, str]:
        if self._decoder is None and (plain := h2.literals(block)) is not None:
            return plain
        from hpack import Decoder, HPACKError

        self._decoder = self._decoder or Decoder()
        try:
            return {str(name): str(value) for name, value in self._decoder.decode(block)}
        except HPACKError as error:
            raise h2.Unreadable(f"headers: {error}") from error

    def _going(self, last: int) -> None:
        """The server takes no streams after `last`; those before it are still answered."""
        for number, answer in enumerate(self._answers):
            if 2 * number + 1 > last and not answer.done:
                answer.reset, answer.done = h2.REFUSED_STREAM, True

    def _results(self) -> list[bytes | ApiError]:
        return [self._result(answer, node) for answer, (node, _) in zip(self._answers, self._calls, strict=True)]

    def _unfinished(self, status: Status, text: str) -> list[bytes | ApiError]:
        return [
            self._result(answer, node) if answer.done else ApiError(status, text, node)
            for answer, (node, _) in zip(self._answers, self._calls, strict=True)
        ]

    def _result(self, answer: _Answer, node: str) -> bytes | ApiError:
        if answer.reset is not None:
            return ApiError(Status.UNAVAILABLE, f"{self._endpoint}: it ended the call (code {answer.reset})", node)
        code = answer.headers.get("grpc-status", "")
        if not code.isdigit() or int(code) > 16:
            text = f"an answer without gRPC status (HTTP status {answer.headers.get(':status', 'none')})"
            return ApiError(Status.UNKNOWN, f"{self._endpoint}: {text}", node)
        if int(code):
            return ApiError(Status(int(code)), h2.status_message(answer.headers.get("grpc-message", "")), node)
        data = answer.data
        if len(data) < 5 or data[0] or len(data) != 5 + int.from_bytes(data[1:5], "big"):
            return ApiError(Status.INTERNAL, f"{self._endpoint}: unreadable answer (not one whole message)", node)
        return bytes(data[5:])

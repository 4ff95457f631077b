"""Accepts TLS connections: one listener for as long as the process lives, however often its certificate changes.

asyncio's own TLS server swallows a failed handshake (it tells nobody which peer failed, and why); here each one is
logged with both. A connection gets its TLS context when it is accepted, so that a new certificate or CA needs no new
listener; connections of before keep theirs.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, cast

from msgspec import Struct

from talos.transport.gate import Gate
from talos.transport.http2 import RawProtocol
from talos.transport.identity import Identity, UnfitCertificate, from_certificate

HANDSHAKE_TIMEOUT_S = 10
MAX_CONNECTIONS = 400
MAX_HANDSHAKES = 64
SLOW_HANDSHAKE_S = 1.0
"""after which a handshake may lose its place to a new one"""
BACKLOG = 512
RETRY_S = 0.1
QUIET_S = 5.0
LINGER_S = 0.5

asyncio.sslproto.SSLProtocol.max_size = 64 << 10  # the receive buffer that asyncio clears for every connection


class Door(Struct, frozen=True):
    """What a new connection is treated with."""

    context: ssl.SSLContext
    maintenance: bool


class _Pending(asyncio.Protocol):
    """A TCP connection before TLS; reads nothing itself."""

    def __init__(self, accepted: Callable[[asyncio.Transport], None]) -> None:
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).pause_reading()
        self._accepted(cast(asyncio.Transport, transport))


class _Tls(asyncio.sslproto.SSLProtocol):
    """asyncio drops the alert that tells the client why it is refused; this sends it, and closes a little later: a
    reset, which follows when data arrives at a closed socket, would overtake the alert."""

    def _fatal_error(self, exc: BaseException, message: str = "") -> None:
        transport = cast(asyncio.Transport, self._transport)
        with contextlib.suppress(Exception):
            self._process_outgoing()  # type: ignore[attr-defined]
            transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_S, transport.abort)


class _Accepted(RawProtocol):
    """HTTP/2 on a connection whose client is authenticated; before that `admit` may refuse it."""

    def __init__(self, gate: Gate, admit: Callable[[Gate, asyncio.Transport], bool]) -> None:
        super().__init__(gate, client=False)
        self._gate = gate
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._admit(self._gate, cast(asyncio.Transport, transport)):
            super().connection_made(transport)
        else:
            cast(asyncio.Transport, transport).abort()


class Listener:
    """Listens on TCP and gives each connection that passes the handshake a handler of its own."""

    def __init__(self, gate: Callable[[Identity, bool], Gate], name: str) -> None:
        """`gate(identity, maintenance)` makes one; `name` is that of the logger."""
        self._gate = gate
        self._log = logging.getLogger(name)
        self.door: Door | None = None
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._gates: dict[Gate, None] = {}  # in the order of their arrival, as the next
        self._handshakes: dict[asyncio.Task[None], float] = {}
        """and since when, on the monotonic clock"""
        self._handshake_over = asyncio.Event()
        self._silence: dict[str, float] = {}

    async def listen(self, host: str, port: int) -> None:
        """Bind. `host` empty: every address, IPv6 and IPv4."""
        sock = await asyncio.to_thread(_bound, host, port) if host else _bound(host, port)
        sock.setblocking(False)
        sock.listen(BACKLOG)
        self._socket = sock
        self._accepting = asyncio.get_running_loop().create_task(self._accept_all(sock))

    async def _accept_all(self, sock: socket.socket) -> None:
        """One connection after the other, each when there is room for its handshake: until then it waits in the
        kernel. asyncio's own server takes all that there are at once, and a hundred that do not speak with them."""
        loop = asyncio.get_running_loop()
        while True:
            await self._room_for_handshake()
            try:
                accepted, _ = await loop.sock_accept(sock)
            except OSError as error:  # out of file descriptors, or the peer is gone already
                self._log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(lambda: _Pending(self._accept), accepted)

    @property
    def port(self) -> int:
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    def _accept(self, transport: asyncio.Transport) -> None:
        peer = _peer(transport)
        if not self._room(peer):
            transport.abort()
            return
        if self.door is None:
            transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._handshake(transport, peer, self.door))
        self._handshakes[task] = time.monotonic()
        task.add_done_callback(self._handshake_ended)

    def _handshake_ended(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)
        self._handshake_over.set()

    async def _room_for_handshake(self) -> None:
        """A handshake that goes on takes milliseconds: the one that has lasted longest gives its place when it has
        lasted long, so that those who never finish theirs cannot keep out who does."""
        while len(self._handshakes) >= MAX_HANDSHAKES:
            oldest, since = next(iter(self._handshakes.items()))
            left = since + SLOW_HANDSHAKE_S - time.monotonic()
            if left <= 0:
                self._handshakes.pop(oldest)
                oldest.cancel()
                return
            self._handshake_over.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._handshake_over.wait(), left)

    def _room(self, peer: str) -> bool:
        """For one more connection. One without a call in progress gives its place: it can be made anew at any time."""
        if len(self._gates) >= MAX_CONNECTIONS:
            idle = next((gate for gate in self._gates if gate.idle), None)
            if idle is None:
                self._refused(peer, f"{len(self._gates)} connections with calls in progress are the limit")
                return False
            self._gates.pop(idle, None)
            idle.close()
        return True

    async def _handshake(self, transport: asyncio.Transport, peer: str, door: Door) -> None:
        # As loop.start_tls does, which cannot be told to send the alert.
        loop = asyncio.get_running_loop()
        finished = loop.create_future()
        protocol = _Accepted(self._gate(Identity(peer=peer), door.maintenance), self._admit)
        tls = _Tls(loop, protocol, door.context, finished, server_side=True, ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S)
        transport.set_protocol(tls)
        loop.call_soon(tls.connection_made, transport)
        loop.call_soon(transport.resume_reading)
        try:
            await finished
        except ssl.SSLError as error:
            self._refused(peer, handshake_reason(error))
        except OSError as error:  # a port scan, a load balancer's probe: nobody was refused
            self._log.debug("no TLS handshake with %s: %s", peer, error)
        except asyncio.CancelledError:
            transport.abort()
            raise

    def _admit(self, gate: Gate, tls: asyncio.Transport) -> bool:
        """The handshake is done: is this a certificate for clients?"""
        channel = cast(Any, tls.get_extra_info("ssl_object"))
        peer = gate.identity.peer if gate.identity else ""
        der = channel.getpeercert(binary_form=True)
        try:
            if channel.selected_alpn_protocol() != "h2":
                raise UnfitCertificate("it does not offer HTTP/2 (ALPN h2)")
            if der is not None and not gate.maintenance:
                gate.identity = from_certificate(der, peer)
        except UnfitCertificate as error:
            self._refused(peer, f"client certificate not accepted: {error}")
            return False
        self._gates[gate] = None
        gate.on_close = lambda: self._gates.pop(gate, None)
        gate.transport = tls
        return True

    def _refused(self, peer: str, reason: str) -> None:
        """Log a refusal; one that repeats from the same host and for the same reason, every few seconds only."""
        key = f"{peer.rpartition(':')[0]} {reason}"
        now = time.monotonic()
        if now - self._silence.get(key, -QUIET_S) >= QUIET_S:
            if len(self._silence) > 1000:
                self._silence.clear()
            self._silence[key] = now
            self._log.warning("refused connection from %s: %s", peer, reason)

    def end_maintenance(self) -> None:
        """Close connections that were accepted without a client certificate."""
        for gate in [gate for gate in self._gates if gate.maintenance]:
            gate.close()

    async def stop_listening(self) -> None:
        """Accept nothing more; connections stay."""
        if self._accepting is not None and self._socket is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._socket.close()
            self._accepting = self._socket = None

    async def close(self) -> None:
        """Stop listening, end every connection."""
        await self.stop_listening()
        for task in list(self._handshakes):
            task.cancel()
        for gate in list(self._gates):
            gate.close()


def handshake_reason(error: ssl.SSLError) -> str:
    """Why TLS failed, in words of the person who reads the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"client certificate not accepted: {error.verify_message}"
    known = {
        "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no client certificate",
        "UNSUPPORTED_PROTOCOL": "it offers no TLS 1.3",
        "HTTP_REQUEST": "plain HTTP on the TLS port",
        "WRONG_VERSION_NUMBER": "not TLS",
        "TLSV1_ALERT_UNKNOWN_CA": "it does not trust this node's certificate (another cluster's CA?)",
        "SSLV3_ALERT_BAD_CERTIFICATE": "it rejects this node's certificate",
    }
    return known.get(error.reason or "", f"TLS handshake failed: {error.reason or error}")


def _bound(host: str, port: int) -> socket.socket:
    if not host:
        try:
            sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("::", port))
            return sock
        except OSError:  # a kernel without IPv6
            sock.close()
            host = "0.0.0.0"
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    sock = socket.socket(family, kind, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    return sock


def _peer(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    if not isinstance(name, tuple):
        return ""
    host = name[0].removeprefix("::ffff:")
    return f"[{host}]:{name[1]}" if ":" in host else f"{host}:{name[1]}"

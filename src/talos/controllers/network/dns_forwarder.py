"""A small caching DNS forwarder for the node and its pods.

It answers what the node knows itself (its own names) and what it was told before (cache), and asks the upstream servers
for the rest, healthy ones first. Without any upstream it refuses at once: a local cluster has none on purpose, and an
asker that gets no answer waits for seconds. UDP and TCP; an answer too long for UDP makes the asker come back over TCP.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from msgspec import Struct

from talos.controllers.network import dns_message as dns
from talos.state.clock import Clock

log = logging.getLogger("dns-resolve-cache")

_UPSTREAM_TIMEOUT_S = 2.0
_CACHE_SIZE = 4096
_LONGEST_S = 3600
_LONGEST_NEGATIVE_S = 30
_LOCAL_TTL_S = 10
_TCP_IDLE_S = 10.0
# Pods may ask as often as they like; each open question is a socket of networkd, which needs some for other things.
_MAX_QUESTIONS = 512
_MAX_CONNECTIONS = 128
_IP_FREEBIND = 15


class Upstream(Struct):
    """A server to ask; host is an address."""

    host: str
    port: int = 53
    healthy: bool = True


class _Entry(Struct):
    response: bytes
    ttl_offsets: list[int]
    stored: float
    expires: float


class Forwarder:
    """Answers queries; the listeners below carry them."""

    def __init__(self, clock: Clock, health_changed: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._health_changed = health_changed
        self.upstreams: list[Upstream] = []
        self.local: Mapping[str, Sequence[str]] = {}
        self._cache: OrderedDict[tuple[str, int, int, bool], _Entry] = OrderedDict()

    def set_upstreams(self, upstreams: list[Upstream]) -> None:
        """Replace the servers; what other servers said is forgotten."""
        if [(u.host, u.port) for u in upstreams] != [(u.host, u.port) for u in self.upstreams]:
            self.upstreams = upstreams
            self._cache.clear()

    async def answer(self, query: bytes, *, tcp: bool) -> bytes | None:
        """The answer to a query; None for what is not one."""
        try:
            question = dns.parse_query(query)
        except (dns.DnsError, struct.error):
            return None
        response = self._answer_locally(query, question) or self._from_cache(question)
        if response is None:
            response = await self._ask(query, question, tcp=tcp)
            if response is None:
                refused = all(not upstream.healthy for upstream in self.upstreams)
                return dns.failure(query, question, dns.REFUSED if refused else dns.SERVFAIL)
            self._keep(question, response)
        response = dns.with_id(response, question.id)
        if not tcp and len(response) > question.udp_size:
            return dns.truncated(response, question)
        return response

    def _answer_locally(self, query: bytes, question: dns.Question) -> bytes | None:
        if question.cls != dns.CLASS_IN or question.type not in (dns.TYPE_A, dns.TYPE_AAAA):
            return None
        found = self.local.get(question.name)
        if question.name == "localhost":
            found = ["127.0.0.1", "::1"]
        return None if found is None else dns.addresses(query, question, list(found), _LOCAL_TTL_S)

    def _from_cache(self, question: dns.Question) -> bytes | None:
        entry = self._cache.get(question.key)
        now = self._clock.monotonic()
        if entry is None or entry.expires <= now:
            return None
        self._cache.move_to_end(question.key)
        return dns.aged(entry.response, entry.ttl_offsets, int(now - entry.stored))

    def _keep(self, question: dns.Question, response: bytes) -> None:
        try:
            seconds, offsets = dns.lifetimes(response)
        except (dns.DnsError, struct.error):
            return
        longest = _LONGEST_S if dns.code(response) == dns.NOERROR else _LONGEST_NEGATIVE_S
        seconds = min(seconds, longest)
        if seconds <= 0:
            return
        now = self._clock.monotonic()
        self._cache[question.key] = _Entry(response, offsets, now, now + seconds)
        self._cache.move_to_end(question.key)
        if len(self._cache) > _CACHE_SIZE:
            self._cache.popitem(last=False)

    async def _ask(self, query: bytes, question: dns.Question, *, tcp: bool) -> bytes | None:
        exchange = _ask_tcp if tcp else _ask_udp
        # An id of our own: an answer counts only if it carries it, comes from that port and repeats the question.
        outgoing = dns.with_id(query, secrets.randbelow(1 << 16))
        for upstream in sorted(self.upstreams, key=lambda item: not item.healthy):
            try:
                response = await asyncio.wait_for(exchange(upstream, outgoing, question), _UPSTREAM_TIMEOUT_S)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self._note(upstream, healthy=False)
                continue
            self._note(upstream, healthy=True)
            return response
        return None

    def _note(self, upstream: Upstream, *, healthy: bool) -> None:
        if upstream.healthy != healthy:
            upstream.healthy = healthy
            log.info("upstream %s:%d is %s", upstream.host, upstream.port, "healthy" if healthy else "not healthy")
            self._health_changed()


class _Exchange(asyncio.DatagramProtocol):
    def __init__(self, query: bytes, question: dns.Question, answer: asyncio.Future[bytes]) -> None:
        self._query, self._question, self._answer = query, question, answer

    def datagram_received(self, data: bytes, _address: object) -> None:
        if not self._answer.done() and data[:2] == self._query[:2] and dns.answers(data, self._question):
            self._answer.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)


async def _ask_udp(upstream: Upstream, query: bytes, question: dns.Question) -> bytes:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()
    transport, _protocol = await loop.create_datagram_endpoint(
        lambda: _Exchange(query, question, answer), remote_addr=(upstream.host, upstream.port)
    )
    try:
        transport.sendto(query)
        return await answer
    finally:
        transport.close()


async def _ask_tcp(upstream: Upstream, query: bytes, question: dns.Question) -> bytes:
    reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
    try:
        writer.write(struct.pack("!H", len(query)) + query)
        await writer.drain()
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        response = await reader.readexactly(length)
    finally:
        writer.close()
    if response[:2] != query[:2] or not dns.answers(response, question):
        raise ConnectionError("answer to another question")
    return response


class _UdpListener(asyncio.DatagramProtocol):
    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # not its subclass before Python 3.12

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if len(self._tasks) >= _MAX_QUESTIONS:
            return  # as a lost datagram: the asker repeats it
        task = asyncio.ensure_future(self._serve(data, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, data: bytes, address: tuple[str, int]) -> None:
        response = await self._forwarder.answer(data, tcp=False)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, address)


def _bind(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The address may be assigned a moment later: whoever listens first must not matter.
        sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


class Listener:
    """UDP and TCP on one address."""

    def __init__(self, forwarder: Forwarder, host: str, port: int) -> None:
        self._forwarder = forwarder
        self.host, self.port = host, port
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._connections = 0

    async def start(self) -> None:
        """Bind both; OSError if one cannot be."""
        loop = asyncio.get_running_loop()
        self._transport, _protocol = await loop.create_datagram_endpoint(
            lambda: _UdpListener(self._forwarder), sock=_bind(socket.SOCK_DGRAM, self.host, self.port)
        )
        self._server = await asyncio.start_server(self._serve_tcp, sock=_bind(socket.SOCK_STREAM, self.host, self.port))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= _MAX_CONNECTIONS:
            writer.close()
            return
        self._connections += 1
        try:
            while True:
                head = await asyncio.wait_for(reader.readexactly(2), _TCP_IDLE_S)
                query = await asyncio.wait_for(reader.readexactly(struct.unpack("!H", head)[0]), _TCP_IDLE_S)
                response = await self._forwarder.answer(query, tcp=True)
                if response is None:
                    return
                writer.write(struct.pack("!H", len(response)) + response)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return
        finally:
            self._connections -= 1
            writer.close()

"""A TCP load balancer for few, long connections: kubelet, kube-proxy and flannel to the Kubernetes API servers.

A connection goes to the next healthy server; if that one does not take it, to the others at once, the unhealthy ones
last: health decides the order, never whether something is tried. Bytes are copied between two transports without being
looked at; a slow side pauses the other. Rejected: splice(2) through a pipe, which needs four descriptors a connection
and own readiness handling to save a copy that costs nothing at these volumes.

While no server is healthy, connections are refused. Rejected: to accept and close them. client-go repeats a request
whose connection was reset or closed ten times, a second apart, before it reports the error; the kubelet makes such a
request between mounting the volumes of kube-apiserver's pod after a reboot, which cost 20 s on a single control plane.
Rejected: to hold them until a server is there, for the same reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

from msgspec import Struct

log = logging.getLogger("kubeprism")

DIAL_TIMEOUT_S = 15.0
KEEP_ALIVE_S = 30
USER_TIMEOUT_MS = 30_000
HEALTH_INTERVAL_S = 20.0
HEALTH_TIMEOUT_S = 15.0
UNHEALTHY_INTERVAL_S = 0.25
# With several servers a silent one must not cost the full dial timeout before the next is tried.
NEXT_SERVER_S = 2.0
# One for all connections: asyncio fills it and hands it over within one call, and it is copied there.
_shared_buffer = bytearray(1 << 16)
_LOCAL = frozenset({"localhost", "127.0.0.1"})


class Server(Struct):
    """An API server. healthy None: not known yet."""

    host: str
    port: int
    healthy: bool | None = None


class _Pipe(asyncio.BufferedProtocol):
    """One side of a proxied connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: _Pipe | None = None
        self.ended = False
        self.opened: Callable[[_Pipe], None] | None = None
        self.lost: Callable[[_Pipe], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.peer is None:
            transport.pause_reading()  # until the other side exists
        sock = transport.get_extra_info("socket")
        if sock is not None:
            tune(sock)
        if self.opened is not None:
            self.opened(self)

    def join(self, peer: _Pipe) -> None:
        """Connect both directions."""
        self.peer, peer.peer = peer, self
        for side in (self, peer):
            if side.transport is not None:
                side.transport.resume_reading()

    def get_buffer(self, _sizehint: int) -> bytearray:
        return _shared_buffer

    def buffer_updated(self, count: int) -> None:
        if self.peer is not None and self.peer.transport is not None and not self.peer.transport.is_closing():
            self.peer.transport.write(bytes(memoryview(_shared_buffer)[:count]))

    def eof_received(self) -> bool:
        """One direction ended; the other may go on, until it ends as well."""
        self.ended = True
        if self.peer is not None and self.peer.ended:
            for side in (self, self.peer):
                if side.transport is not None:
                    side.transport.close()  # what is still buffered is sent first
            return True
        if self.peer is not None and self.peer.transport is not None and self.peer.transport.can_write_eof():
            with contextlib.suppress(OSError):
                self.peer.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.close()
        if self.lost is not None:
            self.lost(self)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def tune(sock: socket.socket) -> None:
    """A peer that vanished is noticed within half a minute, idle or not (tcp(7))."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class LoadBalancer:
    """Listens on one address; servers can be replaced at any time. health_changed is called when `healthy` may have."""

    def __init__(self, health_changed: Callable[[], None] = lambda: None) -> None:
        self._health_changed = health_changed
        self.servers: list[Server] = []
        self._next = 0
        self._listener: asyncio.Server | None = None
        self._recheck = asyncio.Event()
        self._clients: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def healthy(self) -> bool:
        """Whether any server is."""
        return any(server.healthy for server in self.servers)

    def set_servers(self, addresses: list[tuple[str, int]]) -> None:
        """Replace the servers; what is known of those that stay is kept, and so are all connections."""
        known = {(server.host, server.port): server for server in self.servers}
        self.servers = [known.get(address) or Server(*address) for address in addresses]
        self._recheck.set()

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port (for port 0)."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._accept, host, port, backlog=1024)
        return int(self._listener.sockets[0].getsockname()[1])

    async def listen_while_healthy(self, host: str, port: int) -> None:
        """Listen, or refuse connections if no server is healthy; established ones go on. Call it after a change."""
        if self.healthy and self._listener is None:
            await self.start(host, port)
        elif not self.healthy:
            self._stop_listening()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """Stop listening and cut all connections."""
        self._stop_listening()
        for task in list(self._tasks):
            task.cancel()
        for client in list(self._clients):
            client.close()
            if client.peer is not None:
                client.peer.close()

    def _accept(self) -> _Pipe:
        client = _Pipe()
        client.opened = self._opened
        client.lost = self._clients.discard
        return client

    def _opened(self, client: _Pipe) -> None:
        self._clients.add(client)
        task = asyncio.ensure_future(self._connect(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def order(self) -> list[Server]:
        """Servers in the order to try them: local ones, healthy ones in turn, then the rest."""
        if not self.servers:
            return []
        self._next = (self._next + 1) % len(self.servers)
        turned = self.servers[self._next :] + self.servers[: self._next]
        return sorted(turned, key=lambda server: (server.healthy is False, server.host not in _LOCAL))

    async def _connect(self, client: _Pipe) -> None:
        loop = asyncio.get_running_loop()
        servers = self.order()
        for number, server in enumerate(servers):
            timeout = NEXT_SERVER_S if number < len(servers) - 1 else DIAL_TIMEOUT_S
            try:
                _transport, upstream = await asyncio.wait_for(
                    loop.create_connection(_Pipe, server.host, server.port), timeout
                )
            except (OSError, TimeoutError):
                self._note(server, healthy=False)
                continue
            self._note(server, healthy=True)
            if client.transport is None or client.transport.is_closing():
                upstream.close()
            else:
                client.join(upstream)
            return
        client.close()

    def _note(self, server: Server, *, healthy: bool) -> None:
        if server.healthy != healthy:
            log.info("server %s:%d is %s", server.host, server.port, "healthy" if healthy else "not healthy")
            server.healthy = healthy
            self._health_changed()
            if not healthy:
                self._recheck.set()

    async def check_forever(self) -> None:
        """Dial each server from time to time, an unhealthy one often, so that its return is noticed at once."""
        checked: dict[tuple[str, int], float] = {}
        loop = asyncio.get_running_loop()

        def due(server: Server) -> float:
            interval = HEALTH_INTERVAL_S if server.healthy else UNHEALTHY_INTERVAL_S
            return checked.get((server.host, server.port), -interval) + interval

        while True:
            self._recheck.clear()
            ready = [server for server in self.servers if due(server) <= loop.time()]
            await asyncio.gather(*(self._check(server) for server in ready))
            for server in ready:
                checked[server.host, server.port] = loop.time()
            pause = min((due(server) for server in self.servers), default=loop.time() + HEALTH_INTERVAL_S) - loop.time()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause)):
                    await self._recheck.wait()

    async def _check(self, server: Server) -> None:
        try:
            _reader, writer = await asyncio.wait_for(
                asyncio.open_connection(server.host, server.port), HEALTH_TIMEOUT_S
            )
        except (OSError, TimeoutError):
            self._note(server, healthy=False)
            return
        writer.close()
        self._note(server, healthy=True)

"""What all connections of apid share, and how it changes when certificates or the configuration change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import struct
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from grpclib.const import Status
from msgspec import Struct
from msgspec.structs import replace

from talos import rbac
from talos.access.policy import NONE, Policy
from talos.apid.audit import AuditQueue
from talos.apid.exchange import Exchange
from talos.apid.proxy import ProxyGate
from talos.apid.routing import Site
from talos.client.tls import client_context, server_context
from talos.transport.calls import CallError
from talos.transport.http2 import RawProtocol
from talos.transport.link_client import MachineLink
from talos.transport.listener import Door, Listener
from talos.transport.upstream import Upstream

log = logging.getLogger("apid")

API_PORT = 50000
MAX_OTHERS = 200
SOCKET_MODE = 0o660
MAINTENANCE_GRACE_S = 2.0
MAX_TIMER_S = 3600.0
"""the clock may be set meanwhile"""


class Credentials(Struct, frozen=True):
    """Everything apid needs from the node's resources, as PEM. `client` empty on workers."""

    accepted_cas: tuple[bytes, ...]
    server_certificate: bytes
    server_key: bytes
    client_certificate: bytes = b""
    client_key: bytes = b""
    maintenance: bool = False
    """do not ask for client certificates; everybody is os:reader"""
    routing_disabled: bool = False
    names: frozenset[str] | None = None
    """this node's own addresses and host name; None: those of its server certificate.

    On a node the certificate cannot say it: with several control plane nodes it is valid for all of them.
    """


class Service:
    """Routes, upstreams, audit and listeners of one node's apid."""

    def __init__(self, machine_socket: str, port: int = API_PORT) -> None:
        self.machined = MachineLink(machine_socket)
        self.audit = AuditQueue(self.machined)
        self.site = Site()
        self.listener = Listener(lambda identity, maintenance: ProxyGate(self, identity, maintenance), "apid")
        self.exchanges: set[Exchange] = set()
        self.policy: Policy | None = NONE
        """grants and revocations; None: not known yet, and until then no call is passed on"""
        self._window: asyncio.TimerHandle | None = None
        self._port = port  # of other nodes' apid
        self._others: dict[str, Upstream] = {}
        self._client_context: ssl.SSLContext | None = None
        self._current: Credentials | None = None
        self._local: asyncio.Server | None = None

    def apply(self, credentials: Credentials) -> None:
        """Use these from now on. ValueError if they are unusable; then nothing has changed."""
        if credentials == self._current:
            return
        if self._current is not None and replace(credentials, names=self._current.names) == self._current:
            # only addresses came or went: connections and calls stay
            self.site = replace(self.site, names=_own_names(credentials))
            self._current = credentials
            return
        if credentials.maintenance and self._current is not None and not self._current.maintenance:
            # A node that loses its configuration restarts. Whatever else this is, it must not open the door.
            raise ValueError("a configured node does not go back to maintenance mode without a restart")
        door = Door(
            server_context(
                credentials.server_certificate,
                credentials.server_key,
                credentials.accepted_cas,
                verify_client=not credentials.maintenance,
            ),
            credentials.maintenance,
        )
        outgoing = None
        if credentials.client_certificate:
            outgoing = client_context(credentials.accepted_cas, credentials.client_certificate, credentials.client_key)
        site = Site(_own_names(credentials), outgoing is not None, credentials.routing_disabled)
        self.listener.door, self.site = door, site
        self._client_context = outgoing
        if self._current is not None and self._current.maintenance and not credentials.maintenance:
            # Whoever just sent the configuration still waits for the answer.
            asyncio.get_running_loop().call_later(MAINTENANCE_GRACE_S, self.listener.end_maintenance)
        self._current = credentials
        for upstream in self._others.values():
            upstream.close()
        self._others.clear()
        log.info(
            "serving %s",
            "in maintenance mode, without client certificates"
            if credentials.maintenance
            else f"with mutual TLS, {'forwarding to other nodes' if outgoing else 'this node only'}",
        )

    def use_policy(self, policy: Policy) -> None:
        """Decide by these grants and revocations from now on, about calls and streams that are open too."""
        if policy != self.policy:
            self.policy = policy
            for exchange in list(self.exchanges):
                if exchange.may_show_resources(policy):
                    exchange.cut(CallError(Status.UNAVAILABLE, "the grants of the node have changed: call again"))
        self._enforce()

    def _enforce(self) -> None:
        """End what is no longer allowed, now and whenever a grant begins or runs out."""
        policy, now = self.policy, datetime.now(UTC)
        if self._window is not None:
            self._window.cancel()
            self._window = None
        if policy is None or policy == NONE:
            return
        for exchange in list(self.exchanges):
            if refused := exchange.ungranted():
                exchange.cut(CallError(Status.PERMISSION_DENIED, f"{rbac.NOT_AUTHORIZED}: {refused}"))
        if (change := policy.next_change(now)) is not None:
            wait = min((change - now).total_seconds() + 0.001, MAX_TIMER_S)
            self._window = asyncio.get_running_loop().call_later(wait, self._enforce)

    def other(self, target: str) -> Upstream:
        """Connections to the apid of another node."""
        upstream = self._others.get(target)
        if upstream is None:
            assert self._client_context is not None  # routing.decide has refused before
            for name in [name for name, u in self._others.items() if u.unused][
                : max(0, len(self._others) - MAX_OTHERS)
            ]:
                del self._others[name]
            upstream = self._others[target] = Upstream(
                target, host=target.strip("[]"), port=self._port, context=self._client_context
            )
        return upstream

    async def listen_local(self, path: str) -> None:
        """Serve the node's own processes: no TLS, the caller (root or apid's own user) states its roles."""
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
        loop = asyncio.get_running_loop()
        self._local = await loop.create_unix_server(lambda: _LocalProtocol(self), path)
        Path(path).chmod(SOCKET_MODE)

    async def close(self) -> None:
        """Stop serving. The connection to machined stays for the last audit records."""
        if self._window is not None:
            self._window.cancel()
        await self.listener.close()
        if self._local is not None:
            self._local.close()
        for upstream in self._others.values():
            upstream.close()


class _LocalProtocol(RawProtocol):
    def __init__(self, service: Service) -> None:
        super().__init__(ProxyGate(service, None, maintenance=False), client=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        sock = transport.get_extra_info("socket")
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        if uid not in (0, os.geteuid()):
            log.warning("refused connection of user %d to the local socket", uid)
            transport.close()
            return
        super().connection_made(transport)


def _own_names(credentials: Credentials) -> frozenset[str]:
    """What means this node in the metadata of a call, loopback included."""
    names = {"localhost", "127.0.0.1", "::1"}
    if credentials.names is not None:
        return frozenset(names | credentials.names)
    certificate = x509.load_pem_x509_certificate(credentials.server_certificate)
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset(names)
    names.update(str(address) for address in alternative.get_values_for_type(x509.IPAddress))
    names.update(name.lower() for name in alternative.get_values_for_type(x509.DNSName))
    return frozenset(names)


def split_listen_address(address: str) -> tuple[str, int]:
    """Host and port of `:50000`, `10.0.0.1:50000` or `[fd00::1]:50000`."""
    host, _, port = address.rpartition(":")
    try:
        return host.strip("[]"), int(port)
    except ValueError:
        raise ValueError(f"listen address {address!r} is not host:port") from None

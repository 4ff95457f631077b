"""Connections of a client: several endpoints in turn, the next one where one does not answer.

Only connecting fails over. A call that was sent and lost is not sent again: nobody knows whether the node has already
begun the reboot it asks for.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import random
import ssl
from collections.abc import Sequence
from typing import Any, cast

from grpclib.client import Handler
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.protocol import H2Protocol
from h2.settings import SettingCodes

from talos.client.address import CONNECT_TIMEOUT_S, split_address
from talos.client.errors import ApiError, connection_text
from talos.client.keepalive import watch_for_death
from talos.grpc_channel import Channel

CLOSE_TIMEOUT_S = 1.0
MAX_FRAME_BYTES = 256 << 10
"""of HTTP/2: a large read comes in fewer frames than with the 16 KiB of RFC 9113, where the server can do it"""


class _Protocol(H2Protocol):
    """Remembers why the connection ended: a refused client certificate arrives as a TLS alert after the handshake, in
    place of the server's first frame."""

    lost: BaseException | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.greeted = asyncio.Event()
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.connection._connection.update_settings({SettingCodes.MAX_FRAME_SIZE: MAX_FRAME_BYTES})
        self.connection.flush()

    def data_received(self, data: bytes) -> None:
        self.greeted.set()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost = exc or (None if self.greeted.is_set() else ConnectionResetError("it closed the connection"))
        self.greeted.set()
        self.closed.set()
        super().connection_lost(exc)


class Endpoint(Channel):
    """A connection to one endpoint, made when it is first used."""

    def __init__(
        self, address: str, context: ssl.SSLContext, fingerprints: Sequence[str] = (), proxy: str = ""
    ) -> None:
        host, port = split_address(address)
        super().__init__(
            host,
            port,
            ssl=context,
            config=Configuration(http2_connection_window_size=32 << 20, http2_stream_window_size=4 << 20),
        )
        self.address = address
        self._fingerprints = frozenset(fingerprints)
        self._proxy = proxy

    def _protocol_factory(self) -> H2Protocol:
        return _Protocol(Handler(), self._config, self._h2_config)

    async def _create_connection(self) -> H2Protocol:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            protocol = cast(_Protocol, await (self._through_proxy() if self._proxy else super()._create_connection()))
            await protocol.greeted.wait()
        if protocol.lost is not None:
            raise protocol.lost
        watch_for_death(protocol.connection._transport.get_extra_info("socket"))
        if self._fingerprints:
            channel = cast(Any, protocol.connection._transport.get_extra_info("ssl_object"))
            found = spki_fingerprint(channel.getpeercert(binary_form=True))
            if found not in self._fingerprints:
                protocol.processor.close()
                raise ApiError(
                    Status.UNAVAILABLE,
                    f"{self.address}: its certificate has the fingerprint {found}, which is none of those given",
                )
        return protocol

    async def _through_proxy(self) -> H2Protocol:
        from talos.client.proxy import connect

        sock = await asyncio.to_thread(connect, self._proxy, self._host, self._port, CONNECT_TIMEOUT_S)
        sock.setblocking(False)
        try:
            _, protocol = await self._loop.create_connection(
                self._protocol_factory, sock=sock, ssl=self._ssl, server_hostname=self._host
            )
        except BaseException:
            sock.close()
            raise
        return protocol

    @property
    def lost(self) -> BaseException | None:
        """Why the current connection ended; None while it lives or if it was closed in order."""
        return getattr(self._protocol, "lost", None)


def spki_fingerprint(der: bytes) -> str:
    """Base64 of the SHA-256 of a certificate's public key information: what a node in maintenance mode prints."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    key = x509.load_der_x509_certificate(der).public_key()
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode()


class EndpointPool:
    """Takes turns among endpoints, beginning at a random one, and skips those that cannot be reached."""

    def __init__(
        self, addresses: Sequence[str], context: ssl.SSLContext, fingerprints: Sequence[str] = (), proxy: str = ""
    ) -> None:
        self._endpoints = [Endpoint(address, context, fingerprints, proxy) for address in addresses]
        self._next = random.randrange(len(self._endpoints))

    async def pick(self, node: str) -> Endpoint:
        """A connected endpoint. ApiError UNAVAILABLE with the reason of each if none can be reached."""
        reasons = []
        for _ in self._endpoints:
            endpoint = self._endpoints[self._next]
            self._next = (self._next + 1) % len(self._endpoints)
            try:
                await endpoint.__connect__()
                return endpoint
            except ApiError as error:
                reasons.append(error.text)
            except (OSError, TimeoutError) as error:
                reasons.append(connection_text(endpoint.address, error))
        raise ApiError(Status.UNAVAILABLE, "; ".join(reasons), node)

    def close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.close()
            endpoint._protocol = None

    async def wait_closed(self) -> None:
        """Close, and give the connections a moment to end in order: TLS says goodbye in both directions."""
        protocols = [endpoint._protocol for endpoint in self._endpoints]
        self.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                for protocol in protocols:
                    if isinstance(protocol, _Protocol):
                        await protocol.closed.wait()

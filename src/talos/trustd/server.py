"""Serves SecurityService/Certificate to nodes that have no certificate yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from google.protobuf.message import DecodeError
from grpclib.const import Status
from grpclib.metadata import encode_grpc_message

from talos.api import security_pb2
from talos.client.tls import server_context
from talos.transport.calls import CallError, Headers, RawHeaders
from talos.transport.gate import Gate
from talos.transport.http2 import RawStream
from talos.transport.identity import Identity
from talos.transport.listener import Door, Listener
from talos.trustd.signer import Trust, sign

log = logging.getLogger("trustd")

PATH = "/securityapi.SecurityService/Certificate"
CALL_TIMEOUT_S = 10.0
MAX_REQUEST_BYTES = 64 << 10
_HEADERS: Headers = [(":status", "200"), ("content-type", "application/grpc")]


class TrustService:
    """The authority in use and its listener."""

    def __init__(self) -> None:
        self.trust: Trust | None = None
        self.listener = Listener(lambda identity, _: _Gate(self, identity), "trustd")

    def use_certificate(self, certificate_pem: bytes, key_pem: bytes) -> None:
        """Serve with this certificate from now on. ValueError if it is unusable."""
        self.listener.door = Door(server_context(certificate_pem, key_pem), maintenance=True)

    def answer(self, token: str, payload: bytes, peer: str) -> bytes:
        """Serialized response to a serialized request. CallError."""
        try:
            request = security_pb2.CertificateRequest.FromString(payload)
        except DecodeError as error:
            raise CallError(Status.INVALID_ARGUMENT, "the request cannot be read") from error
        try:
            ca, certificate = sign(self.trust, token, request.csr)
        except CallError as error:
            log.warning("refused a certificate to %s: %s", peer, error.text)
            raise
        log.info("signed a certificate for %s", peer)
        return security_pb2.CertificateResponse(ca=ca, crt=certificate).SerializeToString()


class _Gate(Gate):
    def __init__(self, service: TrustService, identity: Identity) -> None:
        super().__init__(identity, maintenance=True)
        self._service = service

    async def serve(self, stream: RawStream, headers: Headers, release: Callable[[], None]) -> None:
        status, text = Status.OK, ""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                found = {bytes(key): bytes(value) for key, value in cast(RawHeaders, headers)}
                if found.get(b":path") != PATH.encode():
                    raise CallError(Status.UNIMPLEMENTED, "trustd serves securityapi.SecurityService/Certificate only")
                payload = await stream.inbox.message(MAX_REQUEST_BYTES)
                if payload is None:
                    raise CallError(Status.INTERNAL, "the request ended before its message")
                token = found.get(b"token", b"").decode("utf-8", "replace")
                peer = self.identity.peer if self.identity else ""
                answer = self._service.answer(token, payload, peer)
                stream.put_headers(_HEADERS)
                await stream.send_message(answer, trailers=[("grpc-status", "0"), ("grpc-message", "")])
        except CallError as error:
            status, text = error.status, error.text
        except TimeoutError:
            status, text = Status.DEADLINE_EXCEEDED, "the request did not arrive in time"
        finally:
            if status is not Status.OK:
                stream.put_headers(
                    [*_HEADERS, ("grpc-status", str(status.value)), ("grpc-message", encode_grpc_message(text))],
                    end=True,
                )
                stream.flush()
            release()

"""What a joining node asks trustd for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

from grpclib.const import Status

from talos.api import security_pb2
from talos.client.tls import client_context
from talos.transport.calls import CallError

PORT = 50001
CALL_TIMEOUT_S = 10.0


class RequestError(Exception):
    """No control plane node has signed; the text says what each answered."""


async def request_certificate(
    endpoints: Sequence[str], token: str, csr_pem: bytes, ca_pem: bytes, port: int = PORT
) -> tuple[bytes, bytes]:
    """(CA, certificate) as PEM from the first of `endpoints` (hosts of control plane nodes) that signs.

    A wrong token ends the search: no other node would think differently. RequestError.
    """
    context = client_context([ca_pem])
    reasons = []
    for host in endpoints:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return await _ask(host, port, context, token, csr_pem)
        except TimeoutError:
            reasons.append(f"{host}: no answer within {CALL_TIMEOUT_S:.0f} s")
        except CallError as error:
            reasons.append(f"{host}: {error.text}")
            if error.status in (Status.UNAUTHENTICATED, Status.INVALID_ARGUMENT):
                break
    raise RequestError("no control plane node signed the API certificate: " + ("; ".join(reasons) or "none is known"))


async def _ask(host: str, port: int, context: ssl.SSLContext, token: str, csr_pem: bytes) -> tuple[bytes, bytes]:
    # here: a control plane node signs for itself, and machined would load HTTP/2 before its API answers
    from talos.transport.http2 import stream_status
    from talos.transport.upstream import Upstream

    upstream = Upstream(f"trustd of {host}", host=host, port=port, context=context)
    try:
        stream, done = await upstream.open("/securityapi.SecurityService/Certificate", [("token", token)])
        try:
            await stream.send_message(security_pb2.CertificateRequest(csr=csr_pem).SerializeToString(), end=True)
            answer = await stream.inbox.message()
            while answer is not None and await stream.inbox.message() is not None:
                pass
            status, text = stream_status(stream)
            if status or answer is None:
                raise CallError(Status(status) if status else Status.INTERNAL, text or "empty answer")
            response = security_pb2.CertificateResponse.FromString(answer)
            return response.ca, response.crt
        finally:
            done()
    finally:
        upstream.close()

"""Keys of disks that a server keeps sealed: Seal and Unseal of sidero.kms.KMSService, by gRPC.

The server gets the machine's UUID with each call and decides by it, by the address that asks, or by a person, whether
the machine gets its key. Plain gRPC (grpc://, http://) is for networks that nobody listens to.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from talos.api import sidero_kms_pb2 as pb

SERVICE = "/sidero.kms.KMSService/"
PLAIN, SECURE = ("grpc", "http"), ("grpcs", "https")
CALL_LIMIT_S = 10.0
MAX_SEALED = 64 << 10
"""bytes: it stands in a LUKS2 header"""


class KmsError(Exception):
    """The server does not answer, or refuses; the text names it."""


class Endpoint(Struct, frozen=True):
    host: str
    port: int
    secure: bool

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """grpc://HOST[:PORT] or https://…; without a scheme it is plain. KmsError."""
        try:
            parts = urllib.parse.urlsplit(text if "://" in text else f"grpc://{text}")
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise KmsError(f"{text!r} is no address of a key server: {error}") from error
        if parts.scheme not in PLAIN + SECURE or not host:
            raise KmsError(f"{text!r} is no address of a key server: write grpc://HOST:PORT or https://HOST:PORT")
        secure = parts.scheme in SECURE
        return cls(host, port or (443 if secure else 80), secure)


Resolve = Callable[[str], list[str]]
"""addresses of a host name; OSError"""


def seal(endpoint: str, uuid: str, data: bytes, resolve: Resolve | None = None) -> bytes:
    """KmsError."""
    sealed = _call(endpoint, "Seal", uuid, data, resolve)
    if not 0 < len(sealed) <= MAX_SEALED:
        raise KmsError(f"{endpoint} seals a key to {len(sealed)} bytes, 1 to {MAX_SEALED} can be kept")
    return sealed


def unseal(endpoint: str, uuid: str, sealed: bytes, resolve: Resolve | None = None) -> bytes:
    """KmsError."""
    return _call(endpoint, "Unseal", uuid, sealed, resolve)


def _call(endpoint: str, method: str, uuid: str, data: bytes, resolve: Resolve | None) -> bytes:
    """In a thread of its own: whoever asks may be within an event loop."""
    where = Endpoint.parse(endpoint)
    request = pb.Request(node_uuid=uuid, data=data)
    outcome: list[bytes | BaseException] = []

    def thread() -> None:
        try:
            outcome.append(asyncio.run(_ask(where, method, request, resolve)))
        except BaseException as error:
            outcome.append(error)

    worker = threading.Thread(target=thread, name="kms")
    worker.start()
    worker.join()
    (result,) = outcome
    if isinstance(result, bytes):
        return result
    if isinstance(result, Exception):
        raise KmsError(f"the key server {endpoint}: {_reason(result)}") from result
    raise result


async def _ask(where: Endpoint, method: str, request: Any, resolve: Resolve | None) -> bytes:
    from grpclib.client import UnaryUnaryMethod
    from grpclib.config import Configuration

    from talos.grpc_channel import Channel

    host = where.host
    if resolve is not None:
        found = await asyncio.to_thread(resolve, host)
        if not found:
            raise OSError(f"{host} has no address")
        host = found[0]
    config = Configuration(ssl_target_name_override=where.host) if where.secure else Configuration()
    context: Any = None
    if where.secure:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2"])
    channel = Channel(host, where.port, ssl=context, config=config)
    try:
        call: Any = UnaryUnaryMethod(channel, SERVICE + method, pb.Request, pb.Response)
        answer = await call(request, timeout=CALL_LIMIT_S)
        return bytes(answer.data)
    finally:
        channel.close()


def _reason(error: Exception) -> str:
    from grpclib import GRPCError

    if isinstance(error, GRPCError):
        return f"{error.status.name}: {error.message}" if error.message else error.status.name
    if isinstance(error, TimeoutError):
        return f"no answer within {CALL_LIMIT_S:g} s"
    return str(error) or type(error).__name__

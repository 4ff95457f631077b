"""A key server for tests of disk encryption: seals what a node gives it, and unseals it for that node alone.

It keeps nothing. What it hands out is AES-256-GCM (NIST SP 800-38D): 12 bytes of nonce, the text, 16 of tag, with the
node's UUID as associated data. It asks nobody who he is, as Talos' own test server: whoever reaches it and knows a
machine's UUID is that machine.
"""

from __future__ import annotations

import base64
import binascii
import os
import sys
from typing import Any

import click

from talos.talosctl.launch import address, run
from talos.talosctl.options import Command

DEFAULT_PORT = 4050
KEY_BYTES = 32
_NONCE_BYTES, _TAG_BYTES = 12, 16
_MAX_BYTES = 4096


class WrongDataError(ValueError):
    """Not of a size that is sealed, or not what this key sealed for this node."""


def seal(key: bytes, node: str, data: bytes) -> bytes:
    """WrongDataError."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not 0 < len(data) <= _MAX_BYTES:
        raise WrongDataError(f"{len(data)} bytes: between 1 and {_MAX_BYTES} are sealed")
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, node.lower().encode())


def unseal(key: bytes, node: str, sealed: bytes) -> bytes:
    """WrongDataError."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not _NONCE_BYTES + _TAG_BYTES < len(sealed) <= _MAX_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise WrongDataError(f"{len(sealed)} bytes are nothing that was sealed here")
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], node.lower().encode())
    except InvalidTag:
        raise WrongDataError("not sealed by this key for this machine") from None


class KeyServer:
    """sidero.kms.KMSService."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __mapping__(self) -> dict[str, Any]:
        from grpclib.const import Cardinality, Handler

        from talos.api import sidero_kms_pb2 as pb

        def handler(function: Any, done: str) -> Handler:
            async def handle(stream: Any) -> None:
                from grpclib import GRPCError, Status

                request = await stream.recv_message()
                peer, uuid = stream.peer.addr()[0], request.node_uuid.encode("ascii", "backslashreplace")[:64].decode()
                try:
                    data = function(self._key, request.node_uuid, request.data)
                except WrongDataError as error:
                    print(f"refused {uuid} at {peer}: {error}", flush=True)
                    raise GRPCError(Status.INVALID_ARGUMENT, str(error)) from error
                print(f"{done} {uuid!r} at {peer}", flush=True)
                await stream.send_message(pb.Response(data=data))

            return Handler(handle, Cardinality.UNARY_UNARY, pb.Request, pb.Response)

        service = "/sidero.kms.KMSService/"
        return {service + "Seal": handler(seal, "sealed for"), service + "Unseal": handler(unseal, "unsealed for")}


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise click.BadParameter("it is not base64", param_hint="--kms-key") from None
    if not text:
        raise click.UsageError("--kms-key is needed, 32 bytes as base64: `head -c 32 /dev/urandom | base64` makes one")
    if len(key) != KEY_BYTES:
        raise click.BadParameter(f"it is {len(key)} bytes long, not {KEY_BYTES}", param_hint="--kms-key")
    return key


@click.command("kms-launch", cls=Command, hidden=True)
@click.option("--kms-addr", default="localhost", show_default=True, metavar="ADDRESS[:PORT]", help="where to listen")
@click.option("--kms-key", default="", metavar="BASE64", help="the key that all others are sealed with, 32 bytes")
def kms_launch(kms_addr: str, kms_key: str) -> None:
    """Seal and unseal the keys of nodes' disks until interrupted."""
    key = _key(kms_key)
    bare = ":" not in kms_addr or kms_addr.endswith("]")
    host, port = address(f"{kms_addr}:{DEFAULT_PORT}" if bare else kms_addr, "--kms-addr")

    async def main() -> None:
        from grpclib.server import Server

        server: Any = Server([KeyServer(key)])
        await server.start(host, port)
        bound = server._server.sockets[0].getsockname()[1]
        print(f"sealing keys on {host}:{bound} (endpoint: grpc://ADDRESS:{bound})", file=sys.stderr, flush=True)
        keep.append(server)

    keep: list[Any] = []
    run("the key server", main)


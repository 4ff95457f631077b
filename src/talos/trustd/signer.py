"""Decides about one request: the machine token admits, the request names the node, roles are never signed."""

from __future__ import annotations

import hashlib
import hmac

from grpclib.const import Status
from msgspec import Struct

from talos.pki.certificates import Pair, Usage
from talos.pki.keys import PKIError
from talos.pki.requests import sign_request
from talos.transport.calls import CallError


class Trust(Struct, frozen=True):
    """The authority and the token that admits to it. PEM; `accepted_cas` is what a node is told to trust."""

    authority: Pair
    accepted_cas: bytes
    token: str


def admitted(token: str, expected: str) -> bool:
    """Compared by hash, so that neither length nor content shows in the time it takes. An empty token admits nobody."""
    same = hmac.compare_digest(hashlib.sha256(token.encode()).digest(), hashlib.sha256(expected.encode()).digest())
    return same and bool(expected)


def sign(trust: Trust | None, token: str, request_pem: bytes) -> tuple[bytes, bytes]:
    """(CA, certificate) as PEM for a joining node; a server certificate without any role. CallError."""
    if trust is None:
        raise CallError(Status.UNAVAILABLE, "this node has no authority to sign with yet: try again")
    if not admitted(token, trust.token):
        raise CallError(
            Status.UNAUTHENTICATED,
            "wrong machine token: machine.token of the node's configuration must be that of the cluster",
        )
    try:
        certificate = sign_request(trust.authority, request_pem, usage=Usage.SERVER)
    except PKIError as error:
        raise CallError(Status.INVALID_ARGUMENT, str(error)) from error
    return trust.accepted_cas, certificate

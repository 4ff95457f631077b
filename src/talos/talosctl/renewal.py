"""A client certificate that is two thirds through its life is renewed behind a command that went well.

Quietly: what fails here never fails the command, and is tried again behind the next one. The key is made here and does
not leave this machine; the node signs a certificate with the name, the roles and the lifetime of the one it is shown.
TALOSCTL_RENEW=off in the environment turns it off.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from talos.client import Client, Context

SWITCH = "TALOSCTL_RENEW"
_OFF = frozenset({"off", "false", "no", "0"})
RENEW = "/pytalos.access.AccessService/Renew"
LIMIT_S = 3.0
_TIME = rb"(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)"
_VALIDITY = re.compile(rb"\x30." + _TIME + _TIME, re.DOTALL)


def enabled() -> bool:
    """Not turned off in the environment."""
    return os.environ.get(SWITCH, "").lower() not in _OFF


def due_now(crt: bytes) -> bool:
    """It is time, and not turned off."""
    return enabled() and due(crt)


def validity(crt: bytes) -> tuple[datetime, datetime] | None:
    """Begin and end of a PEM certificate (RFC 5280, 4.1.2.5), None if it cannot be found.

    By its bytes: loading cryptography costs more than the rest of most commands.
    """
    body = re.search(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", crt, re.DOTALL)
    try:
        found = _VALIDITY.search(base64.b64decode(body[1])) if body else None
    except binascii.Error:
        return None
    if found is None:
        return None
    begin, end = (_moment(found[n], found[n + 1]) for n in (1, 3))
    return begin, end


def _moment(short: bytes | None, long: bytes | None) -> datetime:
    if short is not None:
        century = b"19" if short[:2] >= b"50" else b"20"
        long = century + short
    assert long is not None
    # Not by strptime: its first use imports a module, for 3 ms of every command.
    hundreds, years, month, day, hour, minute, second = (int(long[n : n + 2]) for n in range(0, 14, 2))
    return datetime(100 * hundreds + years, month, day, hour, minute, second, tzinfo=UTC)


def due(crt: bytes, now: datetime | None = None) -> bool:
    """Less than a third of its life is left, and it is still good for a call."""
    now = now or datetime.now(UTC)
    found = validity(crt)
    if found is None:
        return False
    begin, end = found
    return end - (end - begin) / 3 <= now < end


async def attempt(client: Client, context: Context, path: Path, name: str) -> None:
    """Renew and store; whatever goes wrong, the command before went well and stays so."""
    import asyncio
    from contextlib import suppress

    # Anything: a broken file, a node without a key to sign with, a role that may not, a bug of ours.
    with suppress(Exception):
        async with asyncio.timeout(LIMIT_S):
            crt, key = await renewed(client, context)
        store(path, name, context.crt, crt, key)


async def renewed(client: Client, context: Context) -> tuple[bytes, bytes]:
    """(certificate, key) in place of the context's. ApiError, PKIError."""
    from grpclib.const import Status

    from talos.api import pytalos_access_pb2 as pb
    from talos.client import ApiError
    from talos.pki import keys
    from talos.pki.certificates import algorithm_of
    from talos.pki.requests import new_request

    key = keys.encode(keys.generate(algorithm_of(context.crt)))
    try:
        answer = await client.call(RENEW, pb.RenewRequest(csr=new_request(key), crt=context.crt), timeout=LIMIT_S)
    except ApiError as error:
        if error.status is not Status.UNIMPLEMENTED:
            raise
        return await _of_talos(client, context)
    _check(context.crt, answer.crt)
    return answer.crt, key


async def _of_talos(client: Client, context: Context) -> tuple[bytes, bytes]:
    """From a node of Talos, which makes certificates without names, for administrators. ApiError."""
    from talos.api import machine_pb2
    from talos.pki.certificates import load_certificate, organizations

    old = load_certificate(context.crt)
    request = machine_pb2.GenerateClientConfigurationRequest(roles=organizations(context.crt))
    request.crt_ttl.FromTimedelta(old.not_valid_after_utc - old.not_valid_before_utc)
    path = "/machine.MachineService/GenerateClientConfiguration"
    answer = (await client.call(path, request, timeout=LIMIT_S)).messages[0]
    _check(context.crt, answer.crt)
    return answer.crt, answer.key


def _check(old: bytes, new: bytes) -> None:
    """The new certificate says of its holder what the old one does. PKIError."""
    from talos.pki.certificates import load_certificate
    from talos.pki.keys import PKIError

    if load_certificate(old).subject != load_certificate(new).subject:
        raise PKIError("the renewed certificate has another name or other roles")


def store(path: Path, name: str, old: bytes, crt: bytes, key: bytes) -> None:
    """Put them into the file, unless somebody else has changed that context meanwhile. ConfigError, OSError."""
    from talos.client import TalosConfig

    config = TalosConfig.load(path)
    context = config.contexts.get(name or config.context)
    if context is not None and context.crt == old:
        context.crt, context.key = crt, key
        config.save(path)

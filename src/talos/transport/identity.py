"""Who calls: what the client certificate says, and the roles that follow from it."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct
from msgspec.structs import asdict

from talos import rbac

CALLER_KEY = "pytalos-caller"
"""Metadata key of an encoded Identity. apid sets it, for machined and for the apid that a call is passed on to; the one
that a client sent is dropped unless the client is another apid."""

FORWARDED_KEY = "pytalos-forwarded-by"
"""Metadata key of the encoded Identity of the apid that passed a call on; from apid to machined only."""
CALL_KEY = "pytalos-call"
"""Metadata key of a call's random id, the same on every node that it passes."""
AUDITED_KEY = "pytalos-audited"
"""Trailer of machined: the call's record is written. Where it is missing apid hands one over."""


class UnfitCertificate(ValueError):
    """The certificate is signed by an authority of ours, but not for calling the API."""


MAX_SUBJECT_BYTES = 4096
"""Names travel in headers of connections that callers share: longer ones would end these (RFC 9113, 10.5.1)."""


class Identity(Struct, frozen=True):
    """Names out of a client certificate; all empty without one. `peer` is address:port."""

    common_name: str = ""
    organizations: tuple[str, ...] = ()
    serial: str = ""
    fingerprint: str = ""
    peer: str = ""

    @property
    def roles(self) -> frozenset[str]:
        """Organizations that are roles; others match no rule."""
        return rbac.KNOWN.intersection(self.organizations)

    def encode(self) -> str:
        """As a metadata value, for the apid that the call is passed on to."""
        return _encoded(self)

    @classmethod
    def decode(cls, value: str) -> Identity | None:
        """Inverse of encode; None if it is not one."""
        return _decoded(value) if value else None

    def __str__(self) -> str:
        name = "/".join(part for part in (",".join(self.organizations), self.common_name) if part)
        return f"{name or 'anonymous'} at {self.peer or 'this node'}"


# Both are called for every call, and one person's calls carry the same.
@functools.lru_cache(256)
def _encoded(identity: Identity) -> str:
    return base64.b64encode(json.dumps(asdict(identity), separators=(",", ":")).encode()).decode()


@functools.lru_cache(256)
def _decoded(value: str) -> Identity | None:
    try:
        fields = json.loads(base64.b64decode(value, validate=True))
        return Identity(
            str(fields["common_name"]),
            tuple(map(str, fields["organizations"])),
            str(fields["serial"]),
            str(fields["fingerprint"]),
            str(fields["peer"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def from_certificate(der: bytes, peer: str) -> Identity:
    """Identity of a verified leaf. UnfitCertificate unless its extended key usage is exactly clientAuth."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        usage = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        usage = []
    except ValueError as error:
        raise UnfitCertificate(f"its extensions are unreadable: {error}") from error
    if usage != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise UnfitCertificate("its extended key usage is not exactly clientAuth")
    if len(certificate.subject.public_bytes()) > MAX_SUBJECT_BYTES:
        raise UnfitCertificate(f"its subject is longer than {MAX_SUBJECT_BYTES} bytes")

    def names(oid: x509.ObjectIdentifier) -> tuple[str, ...]:
        return tuple(str(a.value) for a in certificate.subject.get_attributes_for_oid(oid) if a.value)

    return Identity(
        next(iter(names(NameOID.COMMON_NAME)), ""),
        names(NameOID.ORGANIZATION_NAME),
        f"{certificate.serial_number:x}",
        certificate.fingerprint(hashes.SHA256()).hex(),
        peer,
    )


def effective_roles(identity: Identity, claimed: Sequence[str]) -> frozenset[str]:
    """Roles a call is decided on: another apid (os:impersonator) states those of the caller it speaks for."""
    own = identity.roles
    if rbac.IMPERSONATOR in own and claimed:
        return parse_roles(claimed)
    return own


def parse_roles(values: Iterable[str]) -> frozenset[str]:
    """Known roles out of talos-role metadata: the key may repeat, a value may hold several with commas."""
    return rbac.KNOWN.intersection(role.strip() for value in values for role in value.split(","))

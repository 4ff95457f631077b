"""Between the PKI library (bytes) and resources (text)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from talos.pki.certificates import Pair, load_certificate, renew_at
from talos.resources.pem import Certificate, CertificateAndKey


def pair(resource: CertificateAndKey) -> Pair:
    """Pair of a resource's certificate and key."""
    return Pair(resource.crt.encode(), resource.key.encode())


def resource_pair(value: Pair) -> CertificateAndKey:
    """The form that resources carry."""
    return CertificateAndKey(crt=value.crt.decode(), key=value.key.decode())


def certificates(pems: Iterable[bytes]) -> list[Certificate]:
    """Certificates in the form that resources carry, each once."""
    return [Certificate(crt=pem.decode()) for pem in dict.fromkeys(p for p in pems if p)]


def bundle(accepted: Iterable[Certificate]) -> bytes:
    """All certificates as one PEM text."""
    return "".join(c.crt if c.crt.endswith("\n") else c.crt + "\n" for c in accepted).encode()


def earliest_renewal(*pems: str) -> datetime:
    """When the first of the certificates is to be replaced."""
    return min(renew_at(pem.encode()) for pem in pems if pem)


def issuer_key(pem: str) -> str:
    """What tells one authority from another with the same name: its certificate's serial number."""
    return format(load_certificate(pem.encode()).serial_number, "x")

"""What a machine tells the person at its console."""
from __future__ import annotations

from datetime import UTC, datetime

from talos.controllers.runtime.maintenance_hint import hint, spki_fingerprint
from talos.pki.certificates import new_authority


def test_the_console_names_address_fingerprint_and_the_next_step() -> None:
    from talos.client.channel import spki_fingerprint as checked_by_the_client

    authority = new_authority(now=datetime(2026, 1, 1, tzinfo=UTC))
    pem = authority.crt if isinstance(authority.crt, str) else authority.crt.decode()
    fingerprint = spki_fingerprint(pem)
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    assert fingerprint == checked_by_the_client(der)
    first, second = hint(["10.0.2.15/24", "fd00::5/64"], fingerprint)
    assert "10.0.2.15, fd00::5" in first and fingerprint in first
    assert "--nodes 10.0.2.15 --cert-fingerprint" in second
    assert "no address" in hint([], fingerprint)[0]

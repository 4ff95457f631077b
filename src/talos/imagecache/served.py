"""What nodes must know of a cache that is served: the name it has for them, and the authority of its certificate."""

from __future__ import annotations

import socket
from pathlib import Path

ANY = frozenset({"", "0.0.0.0", "[::]"})
"""addresses to listen on that nobody can connect to from elsewhere"""


def names(host: str, certificate: Path | None) -> list[str]:
    """What to put into a URL, best first: where it listens, else what the certificate or this machine is called."""
    if host not in ANY:
        return [host]
    found = []
    if certificate is not None:
        from cryptography import x509

        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        try:
            said = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return [socket.gethostname()]
        addresses = said.get_values_for_type(x509.IPAddress)
        found = [f"[{a}]" if a.version == 6 else str(a) for a in addresses]
        found += said.get_values_for_type(x509.DNSName)
    return found or [socket.gethostname()]


def authority(certificate: Path) -> str:
    """The authority that stands behind a certificate in its file, "" if none does."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    root = chain[-1]
    return root.public_bytes(Encoding.PEM).decode() if len(chain) > 1 and root.issuer == root.subject else ""

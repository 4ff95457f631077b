"""Enrolment files of Secure Boot: PK.auth, KEK.auth, db.auth (UEFI specification 2.10, 8.2.2 and 32.4).

A file is an authenticated variable: time, PKCS#7 signature over name, vendor, attributes, time and content, then the
content, a list of certificates. Firmware in setup mode takes them from systemd-boot (loader/keys/auto) or its menu.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from talos.pki.keys import PKIError

EFI_GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
EFI_IMAGE_SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
CERT_X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
CERT_TYPE_PKCS7 = uuid.UUID("4aafd29d-68df-49ee-8aa9-347d375665a7")
OWNER = uuid.UUID("54616c6f-7300-4000-8000-0000000000ff")
VARIABLES = {"PK": EFI_GLOBAL, "KEK": EFI_GLOBAL, "db": EFI_IMAGE_SECURITY}
# non-volatile, boot service access, run-time access, time based authenticated write access
ATTRIBUTES = 0x27
_REVISION, _TYPE_GUID = 0x0200, 0x0EF1


def signature_list(certificates: Sequence[x509.Certificate]) -> bytes:
    """EFI_SIGNATURE_LISTs, one a certificate (their sizes differ)."""
    lists = []
    for certificate in certificates:
        der = certificate.public_bytes(serialization.Encoding.DER)
        entry = OWNER.bytes_le + der
        lists.append(CERT_X509.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry)
    return b"".join(lists)


def authenticated(
    name: str, content: bytes, key: rsa.RSAPrivateKey, certificate: x509.Certificate, moment: datetime
) -> bytes:
    """The file that sets variable `name` to `content`."""
    when = moment.astimezone(UTC)
    # EFI_TIME: nanoseconds, time zone and daylight must be zero.
    time = struct.pack(
        "<HBBBBBBIhBB", when.year, when.month, when.day, when.hour, when.minute, when.second, 0, 0, 0, 0, 0
    )
    signed = name.encode("utf-16-le") + VARIABLES[name].bytes_le + struct.pack("<I", ATTRIBUTES) + time + content
    builder = pkcs7.PKCS7SignatureBuilder().set_data(signed).add_signer(certificate, key, hashes.SHA256())
    options = [
        pkcs7.PKCS7Options.DetachedSignature,
        pkcs7.PKCS7Options.Binary,
        pkcs7.PKCS7Options.NoAttributes,
    ]
    signature = _signed_data(builder.sign(serialization.Encoding.DER, options))
    header = struct.pack("<IHH", 24 + len(signature), _REVISION, _TYPE_GUID) + CERT_TYPE_PKCS7.bytes_le
    return time + header + signature + content


def database(
    enrolled: Sequence[x509.Certificate], key: rsa.RSAPrivateKey, certificate: x509.Certificate, moment: datetime
) -> dict[str, bytes]:
    """File name → content. db holds the enrolled certificates; PK and KEK the one that signs these files."""
    if key.public_key() != certificate.public_key():
        raise PKIError("the signing certificate does not belong to the signing key")
    own = signature_list([certificate])
    contents = {"PK": own, "KEK": own, "db": signature_list(enrolled)}
    return {
        f"{name}.auth": authenticated(name, content, key, certificate, moment) for name, content in contents.items()
    }


def _signed_data(content_info: bytes) -> bytes:
    """SignedData out of its ContentInfo, which firmware does not expect (RFC 5652, 3)."""
    body, _ = _value(content_info)
    _, rest = _value(body)  # contentType
    explicit, _ = _value(rest)
    return explicit


def _value(der: bytes) -> tuple[bytes, bytes]:
    """Content of the first element, and what follows it (X.690, 8.1)."""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    return der[start : start + length], der[start + length :]

"""Certificate signing requests (PKCS #10, RFC 2986): what a joining node sends, and what trustd makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from talos.pki import keys
from talos.pki.certificates import NODE_VALIDITY, Pair, Usage, issue
from talos.pki.keys import PKIError, PublicKey


def new_request(
    key_pem: bytes,
    *,
    common_name: str = "",
    organizations: Iterable[str] = (),
    dns_names: Iterable[str] = (),
    ip_addresses: Iterable[str] = (),
) -> bytes:
    """Request (PEM) signed with a private key."""
    key = keys.decode(key_pem)
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations]
    if common_name:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    names: list[x509.GeneralName] = [x509.DNSName(n) for n in dns_names]
    names += [x509.IPAddress(ip_address(a)) for a in ip_addresses]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not attributes)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


def load_request(pem: bytes) -> x509.CertificateSigningRequest:
    """Read a request and check that its sender holds the key. Raises PKIError."""
    try:
        request = x509.load_pem_x509_csr(pem)
    except ValueError as e:
        raise PKIError(f"unusable certificate request: {e}") from e
    if not request.is_signature_valid:
        raise PKIError("the certificate request is not signed with its own key")
    return request


def sign_request(
    authority: Pair,
    request_pem: bytes,
    *,
    usage: Usage,
    organizations: Iterable[str] | None = (),
    key_encipherment: bool = False,
    validity: timedelta = NODE_VALIDITY,
    now: datetime | None = None,
) -> bytes:
    """Certificate (PEM) for a request.

    Common name, DNS names and addresses are taken over. Organizations are roles here, so those of the request are
    ignored unless ``organizations`` is None. Raises PKIError.
    """
    request = load_request(request_pem)
    subject = request.subject
    names = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if organizations is None:
        organizations = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    try:
        alternative = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns_names = alternative.get_values_for_type(x509.DNSName)
        addresses = [str(a) for a in alternative.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        dns_names, addresses = [], []
    except ValueError as e:
        raise PKIError(f"unusable certificate request: {e}") from e
    return issue(
        authority,
        cast(PublicKey, request.public_key()),
        common_name=names[0] if names else "",
        organizations=organizations,
        dns_names=dns_names,
        ip_addresses=addresses,
        usage=usage,
        key_encipherment=key_encipherment,
        validity=validity,
        now=now,
    )

"""Authorities and the certificates they issue (RFC 5280), with exactly the extensions of the contract.

What is deliberate: key usage is critical, extended key usage is not; leaves carry no basic constraints and no subject
key identifier; an authority key identifier is left out where subject and issuer are equal; subject alternative names
are critical when the subject is empty. Serial numbers are 128 random bits.

Times come from ``now``, so that tests and nodes whose clock is not set yet decide themselves.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import Flag, auto
from ipaddress import ip_address

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from talos.pki import keys
from talos.pki.keys import Algorithm, PKIError, PrivateKey, PublicKey

AUTHORITY_VALIDITY = timedelta(hours=87600)
CLIENT_VALIDITY = timedelta(hours=8760)
NODE_VALIDITY = timedelta(hours=24)
"""API server, API client and trustd certificates of a node."""


class Pair(msgspec.Struct, frozen=True):
    """Certificate and private key, PEM. An authority whose key is elsewhere has an empty ``key``."""

    crt: bytes
    key: bytes = b""


class Usage(Flag):
    """What a certificate's holder may be."""

    SERVER = auto()
    CLIENT = auto()


def utc_now() -> datetime:
    """The default clock."""
    return datetime.now(UTC)


def new_authority(
    organization: str = "",
    *,
    algorithm: Algorithm = Algorithm.ED25519,
    ip_addresses: Iterable[str] = (),
    validity: timedelta = AUTHORITY_VALIDITY,
    now: datetime | None = None,
) -> Pair:
    """Self-signed authority; an empty organization gives an empty subject (aggregation layer). With addresses it serves
    as its own server certificate. Raises PKIError for an address that cannot stand in one."""
    key = keys.generate(algorithm)
    subject = _name("", (organization,) if organization else ())
    public = key.public_key()
    builder = (
        _builder(subject, subject, public, now or utc_now(), validity)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(_extended(Usage.SERVER | Usage.CLIENT), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(_key_identifier(public)), critical=False)
    )
    if names := _alternative_names((), ip_addresses):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Pair(_pem(_sign(builder, key)), keys.encode(key))


def issue(
    authority: Pair,
    public_key: PublicKey,
    *,
    common_name: str = "",
    organizations: Iterable[str] = (),
    dns_names: Iterable[str] = (),
    ip_addresses: Iterable[str] = (),
    usage: Usage,
    key_encipherment: bool = False,
    validity: timedelta = NODE_VALIDITY,
    now: datetime | None = None,
) -> bytes:
    """Certificate (PEM) for a public key. Raises PKIError for a name or address that cannot stand in one."""
    ca, ca_key = load_certificate(authority.crt), keys.decode(authority.key)
    if not _same_public(ca_key.public_key(), ca.public_key()):
        raise PKIError("the authority's key does not belong to its certificate")
    subject = _name(common_name, organizations)
    builder = (
        _builder(subject, ca.subject, public_key, now or utc_now(), validity)
        .add_extension(_key_usage(key_encipherment=key_encipherment), critical=True)
        .add_extension(_extended(usage), critical=False)
    )
    identifier = _subject_key_identifier(ca)
    if identifier and subject != ca.subject:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(identifier, None, None), critical=False)
    if names := _alternative_names(dns_names, ip_addresses):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=len(list(subject)) == 0)
    return _pem(_sign(builder, ca_key))


def issue_pair(
    authority: Pair,
    *,
    algorithm: Algorithm | None = None,
    common_name: str = "",
    organizations: Iterable[str] = (),
    dns_names: Iterable[str] = (),
    ip_addresses: Iterable[str] = (),
    usage: Usage,
    key_encipherment: bool = False,
    validity: timedelta = NODE_VALIDITY,
    now: datetime | None = None,
) -> Pair:
    """New key with its certificate; the key is of the authority's kind unless said otherwise."""
    key = keys.generate(algorithm or algorithm_of(authority.crt))
    crt = issue(
        authority,
        key.public_key(),
        common_name=common_name,
        organizations=organizations,
        dns_names=dns_names,
        ip_addresses=ip_addresses,
        usage=usage,
        key_encipherment=key_encipherment,
        validity=validity,
        now=now,
    )
    return Pair(crt, keys.encode(key))


def api_client(
    authority: Pair, roles: Iterable[str], *, validity: timedelta = CLIENT_VALIDITY, now: datetime | None = None
) -> Pair:
    """Client certificate for the machine API: the roles stand in the organization, there is no common name."""
    return issue_pair(authority, organizations=roles, usage=Usage.CLIENT, validity=validity, now=now)


def load_certificate(pem: bytes) -> x509.Certificate:
    """First certificate of a PEM text. Raises PKIError."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as e:
        raise PKIError(f"unusable certificate: {e}") from e


def algorithm_of(pem: bytes) -> Algorithm:
    """Kind of key in a certificate."""
    match load_certificate(pem).public_key():
        case ed25519.Ed25519PublicKey():
            return Algorithm.ED25519
        case ec.EllipticCurvePublicKey():
            return Algorithm.ECDSA_P256
        case rsa.RSAPublicKey():
            return Algorithm.RSA_4096
        case other:
            raise PKIError(f"unsupported kind of key in certificate: {type(other).__name__}")


def organizations(pem: bytes) -> list[str]:
    """Organizations of the subject; in client certificates of the machine API these are the roles."""
    subject = load_certificate(pem).subject
    return [str(a.value) for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]


def common_name(pem: bytes) -> str:
    """Common name of the subject; "" if it has none."""
    found = load_certificate(pem).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def not_after(pem: bytes) -> datetime:
    """End of validity (UTC)."""
    return load_certificate(pem).not_valid_after_utc


def renew_at(pem: bytes) -> datetime:
    """When a node replaces the certificate: after half of its life."""
    certificate = load_certificate(pem)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begin + (end - begin) / 2


def fingerprint(pem: bytes) -> str:
    """Base64 of the SHA-256 of the public key (SubjectPublicKeyInfo), as ``--cert-fingerprint`` takes it."""
    public = load_certificate(pem).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b64encode(hashlib.sha256(der).digest()).decode()


def matches(pair: Pair) -> bool:
    """Whether the key belongs to the certificate. Raises PKIError if either is unreadable."""
    return _same_public(keys.decode(pair.key).public_key(), load_certificate(pair.crt).public_key())


def issued_by(pem: bytes, authority_pem: bytes) -> bool:
    """Whether the signature on a certificate is the authority's (names and dates are not compared)."""
    certificate, authority = load_certificate(pem), load_certificate(authority_pem)
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: PublicKey, now: datetime, validity: timedelta
) -> x509.CertificateBuilder:
    begin = now.astimezone(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(secrets.randbits(128) | 1)
        .not_valid_before(begin)
        .not_valid_after(begin + validity)
    )


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(common_name: str, organizations_: Iterable[str]) -> x509.Name:
    try:
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations_]
        if common_name:
            attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    except ValueError as e:
        raise PKIError(f"name that cannot stand in a certificate: {e}") from e
    # Several organizations are one multi-valued relative name, as Go's pkix writes them.
    several = [a for a in attributes if a.oid == NameOID.ORGANIZATION_NAME]
    rest = [a for a in attributes if a.oid != NameOID.ORGANIZATION_NAME]
    relative = [x509.RelativeDistinguishedName(several)] if several else []
    return x509.Name([*relative, *(x509.RelativeDistinguishedName([a]) for a in rest)])


def _alternative_names(dns_names: Iterable[str], ip_addresses: Iterable[str]) -> list[x509.GeneralName]:
    try:
        return [
            *(x509.DNSName(n) for n in dns_names),
            *(x509.IPAddress(ip_address(a)) for a in ip_addresses),
        ]
    except ValueError as e:
        raise PKIError(f"alternative name that cannot stand in a certificate: {e}") from e


def _key_usage(*, sign_certificates: bool = False, key_encipherment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _extended(usage: Usage) -> x509.ExtendedKeyUsage:
    oids = [ExtendedKeyUsageOID.SERVER_AUTH] if Usage.SERVER in usage else []
    return x509.ExtendedKeyUsage([*oids, *([ExtendedKeyUsageOID.CLIENT_AUTH] if Usage.CLIENT in usage else [])])


def _key_identifier(public_key: PublicKey) -> bytes:
    """RFC 7093 method 1: leftmost 160 bits of the SHA-256 of the public key's bit string."""
    return hashlib.sha256(_bit_string(public_key)).digest()[:20]


def _bit_string(public_key: PublicKey) -> bytes:
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        return public_key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return public_key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


def _subject_key_identifier(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None


def _same_public(a: object, b: object) -> bool:
    return a == b

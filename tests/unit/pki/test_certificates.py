"""Certificates carry exactly what the contract says, and nothing is issued from or for what is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from talos.pki import certificates, keys, requests
from talos.pki.certificates import Pair, Usage
from talos.pki.keys import Algorithm, PKIError

NOW = datetime(2026, 5, 1, 12, 0, 0, 987654, tzinfo=UTC)


def load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def usage(certificate: x509.Certificate) -> tuple[bool, set[str]]:
    extension = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    names = ("digital_signature", "key_encipherment", "key_cert_sign", "crl_sign")
    return extension.critical, {n for n in names if getattr(extension.value, n)}


@pytest.fixture(scope="module")
def authority() -> Pair:
    return certificates.new_authority("talos", now=NOW)


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ECDSA_P256])
@pytest.mark.parametrize("organization", ["talos", ""])
def test_authority(algorithm: Algorithm, organization: str) -> None:
    pair = certificates.new_authority(organization, algorithm=algorithm, now=NOW)
    certificate = load(pair.crt)
    names = [a.value for a in certificate.subject]
    assert names == ([organization] if organization else [])
    assert certificate.subject == certificate.issuer
    assert certificate.not_valid_before_utc == NOW.replace(microsecond=0)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(hours=87600)
    assert usage(certificate) == (True, {"digital_signature", "key_cert_sign"})
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length is None
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert not extended.critical
    assert list(extended.value) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    assert len(certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest) == 20
    assert len(certificate.extensions) == 4
    assert 100 < certificate.serial_number.bit_length() <= 128
    assert certificates.matches(pair)
    assert certificates.algorithm_of(pair.crt) is algorithm


def test_client_certificate_has_roles_and_nothing_else(authority: Pair) -> None:
    pair = certificates.api_client(authority, ["os:admin", "os:etcd:backup"], now=NOW)
    certificate = load(pair.crt)
    assert certificates.organizations(pair.crt) == ["os:admin", "os:etcd:backup"]
    assert not certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert usage(certificate) == (True, {"digital_signature"})
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    identifier = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == load(authority.crt).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert len(certificate.extensions) == 3
    assert certificates.not_after(pair.crt) == NOW.replace(microsecond=0) + timedelta(hours=8760)
    assert certificates.issued_by(pair.crt, authority.crt)
    assert b"BEGIN ED25519 PRIVATE KEY" in pair.key


def test_server_certificate_has_names_and_addresses(authority: Pair) -> None:
    pair = certificates.issue_pair(
        authority, common_name="n1", dns_names=["n1"], ip_addresses=["10.0.0.1", "::1"], usage=Usage.SERVER,
        key_encipherment=True, now=NOW,
    )  # fmt: skip
    certificate = load(pair.crt)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["n1"]
    assert names.value.get_values_for_type(x509.IPAddress) == [ip_address("10.0.0.1"), ip_address("::1")]
    assert not names.critical
    assert usage(certificate)[1] == {"digital_signature", "key_encipherment"}
    assert certificates.renew_at(pair.crt) == NOW.replace(microsecond=0) + timedelta(hours=12)


def test_names_are_critical_without_a_subject(authority: Pair) -> None:
    pair = certificates.issue_pair(authority, dns_names=["x"], usage=Usage.SERVER, now=NOW)
    assert load(pair.crt).extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_certificate_of_another_authority_is_told_apart(authority: Pair) -> None:
    other = certificates.new_authority("talos", now=NOW)
    pair = certificates.api_client(other, ["os:admin"], now=NOW)
    assert not certificates.issued_by(pair.crt, authority.crt)


def test_nothing_is_issued_with_a_foreign_key(authority: Pair) -> None:
    other = certificates.new_authority("talos", now=NOW)
    with pytest.raises(PKIError, match="does not belong"):
        certificates.api_client(Pair(authority.crt, other.key), ["os:admin"], now=NOW)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"ip_addresses": ["10.0.0.300"]}, "alternative name"),
        ({"common_name": "x" * 65}, "name that cannot stand"),
        ({"dns_names": ["näme"]}, "alternative name"),
    ],
)
def test_impossible_names_are_refused(authority: Pair, arguments: dict[str, object], text: str) -> None:
    with pytest.raises(PKIError, match=text):
        certificates.issue_pair(authority, usage=Usage.SERVER, now=NOW, **arguments)  # type: ignore[arg-type]


def test_request_keeps_names_and_loses_roles(authority: Pair) -> None:
    key = keys.encode(keys.generate(Algorithm.ED25519))
    request = requests.new_request(
        key, common_name="worker", organizations=["os:admin"], dns_names=["worker"], ip_addresses=["10.0.0.2"]
    )
    crt = requests.sign_request(authority, request, usage=Usage.SERVER, now=NOW)
    assert certificates.organizations(crt) == []
    assert [a.value for a in load(crt).subject] == ["worker"]
    assert certificates.matches(Pair(crt, key))
    kept = requests.sign_request(authority, request, usage=Usage.CLIENT, organizations=None, now=NOW)
    assert certificates.organizations(kept) == ["os:admin"]


def test_request_not_signed_by_its_key_is_refused(authority: Pair) -> None:
    from base64 import b64decode, b64encode

    key = keys.encode(keys.generate(Algorithm.ED25519))
    lines = requests.new_request(key, common_name="worker").decode().splitlines()
    der = bytearray(b64decode("".join(lines[1:-1])))
    der[-1] ^= 1
    forged = "\n".join([lines[0], b64encode(der).decode(), lines[-1]]).encode()
    with pytest.raises(PKIError, match="not signed with its own key"):
        requests.sign_request(authority, forged, usage=Usage.SERVER, now=NOW)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_keys_survive_their_text_form(algorithm: Algorithm) -> None:
    pem = keys.encode(keys.generate(algorithm))
    label = {Algorithm.ED25519: b"ED25519", Algorithm.ECDSA_P256: b"EC", Algorithm.RSA_4096: b"RSA"}[algorithm]
    assert pem.startswith(b"-----BEGIN " + label + b" PRIVATE KEY-----\n")
    assert keys.encode(keys.decode(pem)) == pem
    assert keys.public_of(pem).startswith(b"-----BEGIN PUBLIC KEY-----")


@pytest.mark.parametrize(
    "text", [b"", b"junk", b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"]
)
def test_junk_is_an_error_of_ours(text: bytes) -> None:
    with pytest.raises(PKIError):
        keys.decode(text)
    with pytest.raises(PKIError):
        certificates.load_certificate(text)
    with pytest.raises(PKIError):
        requests.load_request(text)


def test_fingerprint_is_of_the_public_key(authority: Pair) -> None:
    again = Pair(
        certificates.issue(authority, keys.decode(authority.key).public_key(), usage=Usage.SERVER, now=NOW),
        authority.key,
    )
    assert certificates.fingerprint(again.crt) == certificates.fingerprint(authority.crt)
    assert len(certificates.fingerprint(authority.crt)) == 44

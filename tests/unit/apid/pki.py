"""Certificates of a throw-away cluster, made with cryptography alone so that apid's tests depend on nothing of ours."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def pem(thing: x509.Certificate | Ed25519PrivateKey) -> bytes:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    data = thing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return data.replace(b"PRIVATE KEY", b"ED25519 PRIVATE KEY")  # the label Talos writes


@dataclass
class Pair:
    certificate: bytes
    key: bytes


class Authority:
    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "talos")])
        self.cert = (
            self._builder(name, name, self.key, 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, None)
        )
        self.pem = pem(self.cert)

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: Ed25519PrivateKey,
        days: float,
        starts: datetime.timedelta = datetime.timedelta(days=-10),
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        start = now + starts
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(now + datetime.timedelta(days=days))
        )

    def issue(
        self,
        common_name: str = "",
        organizations: tuple[str, ...] = (),
        ips: tuple[str, ...] = (),
        names: tuple[str, ...] = (),
        usage: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
        days: float = 1,
        starts: datetime.timedelta = datetime.timedelta(days=-10),
    ) -> Pair:
        key = Ed25519PrivateKey.generate()
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations]
        if common_name:
            parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        builder = self._builder(x509.Name(parts), self.cert.subject, key, days, starts)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
        if ips or names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(
                    [x509.IPAddress(ipaddress.ip_address(i)) for i in ips] + [x509.DNSName(n) for n in names]
                ),
                critical=False,
            )
        return Pair(pem(builder.sign(self.key, None)), pem(key))

    def server(self, *ips: str, name: str = "node") -> Pair:
        return self.issue(name, ips=ips, names=(name,), usage=(ExtendedKeyUsageOID.SERVER_AUTH,))

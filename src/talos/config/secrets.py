"""The secrets bundle of a cluster: what ``gen secrets`` writes and every machine configuration is made from."""

from __future__ import annotations

import secrets
import string
from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import field, structs

from talos.config.decode import decode_struct
from talos.config.document import Part
from talos.config.encode import struct_plain
from talos.config.errors import ConfigError
from talos.config.forms import Kept
from talos.config.yaml_reader import documents
from talos.config.yaml_writer import dump
from talos.pki import certificates, keys
from talos.pki.certificates import Pair
from talos.pki.keys import Algorithm, PKIError

if TYPE_CHECKING:
    from talos.config.config import Config

_ALPHABET = string.ascii_lowercase + string.digits


class ClusterSecrets(Part, rename="lower", kw_only=True):
    """``cluster``: identity in the discovery service."""

    id: Kept[str] = ""
    secret: Kept[str] = ""


class KubernetesSecrets(Part, rename="lower", kw_only=True):
    """``secrets``: Kubernetes bootstrap token and keys of the encryption in etcd."""

    bootstraptoken: Kept[str] = ""
    aescbcencryptionsecret: str = ""
    secretboxencryptionsecret: str = ""


class TrustdInfo(Part, rename="lower", kw_only=True):
    """``trustdinfo``: the machine token."""

    token: Kept[str] = ""


class CertificateAndKey(Part, rename="lower", kw_only=True):
    """PEM, base64 in the file."""

    crt: Kept[bytes] = b""
    key: Kept[bytes] = b""

    @property
    def pair(self) -> Pair:
        """As the PKI takes it."""
        return Pair(self.crt, self.key)


class Key(Part, rename="lower", kw_only=True):
    """PEM, base64 in the file."""

    key: Kept[bytes] = b""


class Certificates(Part, rename="lower", kw_only=True):
    """``certs``: authorities and the service account key."""

    etcd: Kept[CertificateAndKey] = field(default_factory=CertificateAndKey)
    k8s: Kept[CertificateAndKey] = field(default_factory=CertificateAndKey)
    k8saggregator: Kept[CertificateAndKey] = field(default_factory=CertificateAndKey)
    k8sserviceaccount: Kept[Key] = field(default_factory=Key)
    os: Kept[CertificateAndKey] = field(default_factory=CertificateAndKey)


class Bundle(Part, rename="lower", kw_only=True):
    """All secrets of one cluster."""

    cluster: Kept[ClusterSecrets] = field(default_factory=ClusterSecrets)
    secrets: Kept[KubernetesSecrets] = field(default_factory=KubernetesSecrets)
    trustdinfo: Kept[TrustdInfo] = field(default_factory=TrustdInfo)
    certs: Kept[Certificates] = field(default_factory=Certificates)

    @classmethod
    def generate(
        cls, *, bootstrap_token: str = "", now: datetime | None = None, kubernetes: bool = True
    ) -> Bundle:
        """New random secrets. The service account key (RSA 4096) takes most of a second.

        Not `kubernetes`: without those of Kubernetes and etcd.
        """
        now = now or certificates.utc_now()

        def authority(organization: str, algorithm: Algorithm) -> CertificateAndKey:
            pair = certificates.new_authority(organization, algorithm=algorithm, now=now)
            return CertificateAndKey(crt=pair.crt, key=pair.key)

        found = cls(
            cluster=ClusterSecrets(id=_random_base64(), secret=_random_base64()),
            trustdinfo=TrustdInfo(token=random_token()),
            certs=Certificates(os=authority("talos", Algorithm.ED25519)),
        )
        if not kubernetes:
            return found
        return structs.replace(
            found,
            secrets=KubernetesSecrets(
                bootstraptoken=bootstrap_token or random_token(), secretboxencryptionsecret=_random_base64()
            ),
            certs=Certificates(
                etcd=authority("etcd", Algorithm.ECDSA_P256),
                k8s=authority("kubernetes", Algorithm.ECDSA_P256),
                k8saggregator=authority("", Algorithm.ECDSA_P256),
                k8sserviceaccount=Key(key=keys.encode(keys.generate(Algorithm.RSA_4096))),
                os=found.certs.os,
            ),
        )

    @classmethod
    def decode(cls, text: str | bytes, *, kubernetes: bool = True) -> Bundle:
        """Read a bundle file. Raises ConfigError with everything that is wrong or missing."""
        nodes = list(documents(text))
        if len(nodes) != 1:
            raise ConfigError(f"a secrets bundle is one YAML document, this text has {len(nodes)}")
        bundle = decode_struct(nodes[0], cls)
        bundle.check(kubernetes=kubernetes)
        return bundle

    @classmethod
    def from_config(cls, config: Config) -> Bundle:
        """Secrets out of the configuration of a control plane machine. Raises ConfigError when it has not all; those
        of Kubernetes and etcd are missing where none of it runs."""
        etcd, os_ca = config.cluster.etcd.ca, config.machine.ca.issuing
        k8s, aggregator = config.kubernetes.ca.issuing, config.kubernetes.aggregator_ca.issuing
        account = config.kubernetes.service_account
        secretbox, aescbc = _encryption_keys(config)

        def pair(found: object) -> CertificateAndKey:
            crt, key = getattr(found, "crt", b""), getattr(found, "key", b"")
            return CertificateAndKey(crt=crt, key=key)

        bundle = cls(
            cluster=ClusterSecrets(id=config.cluster.id, secret=config.cluster.secret),
            secrets=KubernetesSecrets(
                bootstraptoken=config.cluster.bootstrap_token,
                secretboxencryptionsecret=secretbox,
                aescbcencryptionsecret=aescbc,
            ),
            trustdinfo=TrustdInfo(token=config.machine.token),
            certs=Certificates(
                etcd=pair(etcd),
                k8s=pair(k8s),
                k8saggregator=pair(aggregator),
                k8sserviceaccount=Key(key=account.private_key if account else b""),
                os=pair(os_ca),
            ),
        )
        bundle.check(kubernetes=bool(config.machine.runs_etcd or config.machine.runs_kubelet or k8s))
        return bundle

    def encode(self) -> str:
        """YAML text."""
        return dump(struct_plain(self))

    def check(self, *, kubernetes: bool = True) -> None:
        """Raise ConfigError unless everything is there and every key belongs to its certificate. Not `kubernetes`:
        what only Kubernetes and etcd use may be missing, and is not looked at."""
        needed = {
            "cluster.id": self.cluster.id,
            "cluster.secret": self.cluster.secret,
            "trustdinfo.token": self.trustdinfo.token,
        }
        if kubernetes:
            encryption = self.secrets.secretboxencryptionsecret or self.secrets.aescbcencryptionsecret
            needed["secrets.bootstraptoken"] = self.secrets.bootstraptoken
            needed["secrets.secretboxencryptionsecret"] = encryption
        problems = [f"{name} is missing" for name, value in needed.items() if not value]
        for name in ("etcd", "k8s", "k8saggregator", "os") if kubernetes else ("os",):
            part: CertificateAndKey = getattr(self.certs, name)
            if not part.crt or not part.key:
                problems.append(f"certs.{name} needs crt and key")
                continue
            try:
                if not certificates.matches(part.pair):
                    problems.append(f"certs.{name}: the key does not belong to the certificate")
            except PKIError as e:
                problems.append(f"certs.{name}: {e}")
        if kubernetes:
            try:
                keys.decode(self.certs.k8sserviceaccount.key)
            except PKIError as e:
                problems.append(f"certs.k8sserviceaccount: {e}")
        if problems:
            raise ConfigError([f"secrets bundle: {p}" for p in problems])


def random_token() -> str:
    """Token of the form that kubeadm and Talos use: six and sixteen lower case letters or digits."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(22))
    return f"{text[:6]}.{text[6:]}"


def _random_base64() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


def _encryption_keys(config: Config) -> tuple[str, str]:
    found = {"secretbox": "", "aescbc": ""}
    for resource in (config.kubernetes.etcd_encryption or {}).get("resources", []):
        for provider in resource.get("providers", []):
            for name in found:
                keys_ = (provider.get(name) or {}).get("keys", [])
                if keys_ and not found[name]:
                    found[name] = str(keys_[0].get("secret", ""))
    return found["secretbox"], found["aescbc"]

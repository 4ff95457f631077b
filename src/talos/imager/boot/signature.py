"""Detached signatures of artefacts, in minisign's format: Ed25519 over BLAKE2b-512 (the variant "ED").

`minisign -V -p talos.pub -m FILE` or any implementation of it checks them. Rejected: OpenPGP (a key ring and a web of
options for one signature), CMS (a certificate nobody would check), a bare Ed25519 signature (no tool that people have).
"""

from __future__ import annotations

import base64
from hashlib import blake2b, sha256
from pathlib import Path

from talos.imager.errors import ImageError

KEY_NAME = "signing.key"
PUBLIC_NAME = "signing.pub"


class SigningKey:
    """An Ed25519 key in a PEM file (PKCS#8)."""

    def __init__(self, pem: bytes) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ImageError("the signing key is not an Ed25519 key: `openssl genpkey -algorithm ed25519` makes one")
        self._key = key
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        self.public = key.public_key().public_bytes(*raw)
        self.id = sha256(self.public).digest()[:8]

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """The key of `path`; a missing one is made, readable by its owner alone, with its public half beside it."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if not path.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            path.touch(mode=0o600)
            path.write_bytes(pem)
        key = cls(path.read_bytes())
        path.with_suffix(".pub").write_text(key.public_text())
        return key

    def public_text(self) -> str:
        """The public key as minisign reads it."""
        packed = base64.b64encode(b"Ed" + self.id + self.public).decode()
        return f"untrusted comment: minisign public key {self.id[::-1].hex().upper()}\n{packed}\n"

    def sign(self, path: Path) -> Path:
        """Writes FILE.minisig: the same bytes for the same file and key."""
        digest = blake2b()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        signature = self._key.sign(digest.digest())
        comment = f"file:{path.name}\thashed"
        whole = self._key.sign(signature + comment.encode())
        target = path.with_name(path.name + ".minisig")
        target.write_text(
            f"untrusted comment: signature of {path.name}\n"
            f"{base64.b64encode(b'ED' + self.id + signature).decode()}\n"
            f"trusted comment: {comment}\n"
            f"{base64.b64encode(whole).decode()}\n"
        )
        return target

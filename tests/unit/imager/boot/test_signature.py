"""Detached signatures: what minisign's documentation says of the format holds, and a changed byte does not pass."""
from __future__ import annotations

import base64
import subprocess
from hashlib import blake2b
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from talos.imager.boot.signature import SigningKey
from talos.imager.errors import ImageError


def verify(public: str, file: Path, signature: str) -> None:
    """As `minisign -V` does."""
    key = base64.b64decode(public.splitlines()[1])
    _, packed, comment, whole = signature.splitlines()
    data = base64.b64decode(packed)
    assert key[:2] == b"Ed" and data[:2] == b"ED"
    assert key[2:10] == data[2:10]
    checker = Ed25519PublicKey.from_public_bytes(key[10:])
    checker.verify(data[10:], blake2b(file.read_bytes()).digest())
    checker.verify(base64.b64decode(whole), data[10:] + comment.removeprefix("trusted comment: ").encode())


def test_a_signature_is_checked_with_the_public_key_alone(tmp_path: Path) -> None:
    artefact = tmp_path / "image.raw"
    artefact.write_bytes(b"content" * 1000)
    key = SigningKey.load_or_create(tmp_path / "signing.key")
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600
    signed = key.sign(artefact)
    first = signed.read_text()
    public = (tmp_path / "signing.pub").read_text()
    verify(public, artefact, first)
    assert SigningKey.load_or_create(tmp_path / "signing.key").sign(artefact).read_text() == first
    artefact.write_bytes(b"content" * 999 + b"Content")
    with pytest.raises(InvalidSignature):
        verify(public, artefact, first)


def test_minisign_itself_says_the_same(tmp_path: Path) -> None:
    artefact = tmp_path / "cloud-amd64.raw"
    artefact.write_bytes(b"content" * 1000)
    SigningKey.load_or_create(tmp_path / "signing.key").sign(artefact)

    def check() -> subprocess.CompletedProcess[str]:
        words = ["minisign", "-V", "-p", "signing.pub", "-m", artefact.name]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = check()
    assert done.returncode == 0 and "Signature and comment signature verified" in done.stdout, done
    assert "file:cloud-amd64.raw" in done.stdout
    artefact.write_bytes(b"content" * 999 + b"Content")
    assert check().returncode != 0


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ImageError, match="Ed25519"):
        SigningKey(pem)

"""Encryption for age recipients: read by a decryption written from the specification, and by age itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from talos.talosctl.age import CHUNK_BYTES, RecipientError, encrypt, recipient

AGE = "filippo.io/age/cmd/...@v1.2.1"
# the recipient of age's own documentation
KNOWN = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def plain(data: bytes) -> bytes:
    return base64.b64decode(data + b"=" * (-len(data) % 4))


def decrypt(data: bytes, key: X25519PrivateKey) -> bytes:
    head, _, rest = data.partition(b"\n--- ")
    mac, _, payload = rest.partition(b"\n")
    version, *lines = head.split(b"\n")
    assert version == b"age-encryption.org/v1"
    own, file_key = key.public_key().public_bytes_raw(), b""
    for stanza, body in zip(lines[::2], lines[1::2], strict=True):
        share = plain(stanza.removeprefix(b"-> X25519 "))
        wrapping = derived(
            key.exchange(X25519PublicKey.from_public_bytes(share)), share + own, b"age-encryption.org/v1/X25519"
        )
        try:
            file_key = ChaCha20Poly1305(wrapping).decrypt(bytes(12), plain(body), None)
        except Exception:
            continue
    assert hmac.new(derived(file_key, b"", b"header"), head + b"\n---", hashlib.sha256).digest() == plain(mac)
    cipher, payload, found, count = ChaCha20Poly1305(derived(file_key, payload[:16], b"payload")), payload[16:], b"", 0
    while True:
        block, payload = payload[: CHUNK_BYTES + 16], payload[CHUNK_BYTES + 16 :]
        found += cipher.decrypt(count.to_bytes(11, "big") + bytes((not payload,)), block, None)
        count += 1
        if not payload:
            return found


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_every_recipient_reads_it_and_nobody_else(size: int) -> None:
    keys, content = [X25519PrivateKey.generate() for _ in range(3)], os.urandom(size)
    data = b"".join(encrypt(content, [key.public_key() for key in keys[:2]]))
    assert [decrypt(data, key) for key in keys[:2]] == [content, content]
    with pytest.raises(AssertionError):
        decrypt(data, keys[2])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no recipient"),
        ("ssh-ed25519 AAAA", "no recipient"),
        (KNOWN[:-1] + "q", "mistyped"),
        (KNOWN.upper(), "no recipient"),
        (KNOWN[:20] + KNOWN[21:], "mistyped"),
    ],
)
def test_what_is_no_recipient(text: str, says: str) -> None:
    with pytest.raises(RecipientError, match=says):
        recipient(text)


async def run(*command: str | Path, **environment: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ | environment
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out


@pytest.mark.slow
async def test_age_itself_reads_it(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("age is built from its Go module, and there is no go")
    await run(go, "install", AGE, GOBIN=str(tmp_path))
    await run(tmp_path / "age-keygen", "-o", tmp_path / "key")
    public = (await run(tmp_path / "age-keygen", "-y", tmp_path / "key")).decode().strip()
    content = os.urandom(200_000)
    (tmp_path / "file").write_bytes(b"".join(encrypt(content, [recipient(KNOWN), recipient(public)])))
    assert await run(tmp_path / "age", "-d", "-i", tmp_path / "key", tmp_path / "file") == content

"""Encrypts for age recipients (age-encryption.org/v1): what `age -r age1… -o FILE` makes, and `age -d` reads.

X25519 recipients only, the ones that age-keygen makes. Written here because no Python package of Debian's does it and
the format is fifty lines over primitives that are there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK_BYTES = 64 << 10
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6
_VERSION = b"age-encryption.org/v1"


class RecipientError(ValueError):
    """The text names no recipient that can be encrypted for."""


def recipient(text: str) -> X25519PublicKey:
    """The public key of `age1…` (Bech32, BIP 173). RecipientError."""
    if not text.startswith("age1"):
        raise RecipientError(f"{text!r} is no recipient age1… as age-keygen makes them")
    values = [_ALPHABET.find(letter) for letter in text[len("age1") :]]
    prefix = [ord(letter) >> 5 for letter in "age"] + [0] + [ord(letter) & 31 for letter in "age"]
    if -1 in values or _polymod(prefix + values) != 1:
        raise RecipientError(f"{text!r} is mistyped: its checksum is wrong")
    bits = sum(value << 5 * place for place, value in enumerate(reversed(values[:-_CHECKSUM])))
    length, padding = divmod(5 * (len(values) - _CHECKSUM), 8)
    if length != 32 or bits & ((1 << padding) - 1):
        raise RecipientError(f"{text!r} is no X25519 recipient: other kinds (SSH keys, plugins) are not carried out")
    return X25519PublicKey.from_public_bytes((bits >> padding).to_bytes(length, "big"))


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATORS):
            if top >> place & 1:
                check ^= generator
    return check


def encrypt(plain: bytes, recipients: Sequence[X25519PublicKey]) -> Iterator[bytes]:
    """The encrypted file in parts; any one of the recipients can read it."""
    file_key = os.urandom(16)
    header = _VERSION + b"\n" + b"".join(_stanza(file_key, one) for one in recipients) + b"---"
    mac = hmac.new(_derived(file_key, b"", b"header"), header, hashlib.sha256).digest()
    nonce = os.urandom(16)
    yield header + b" " + _base64(mac) + b"\n" + nonce
    cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
    for count, at in enumerate(range(0, max(len(plain), 1), CHUNK_BYTES)):
        last = at + CHUNK_BYTES >= len(plain)
        yield cipher.encrypt(count.to_bytes(11, "big") + bytes((last,)), plain[at : at + CHUNK_BYTES], None)


def _stanza(file_key: bytes, to: X25519PublicKey) -> bytes:
    ephemeral = X25519PrivateKey.generate()
    share, target = ephemeral.public_key().public_bytes_raw(), to.public_bytes_raw()
    key = _derived(ephemeral.exchange(to), share + target, _VERSION + b"/X25519")
    body = ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)
    return b"-> X25519 " + _base64(share) + b"\n" + _base64(body) + b"\n"


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")

"""Private keys in the PEM forms that Talos writes.

Talos labels Ed25519 keys ``ED25519 PRIVATE KEY`` although the content is plain PKCS#8 (RFC 5958); no other software
knows that label, so it is undone on the way in and wherever a key is handed to OpenSSL (``standard_pem``). Elliptic
curve keys are SEC 1 (RFC 5915), RSA keys PKCS#1 (RFC 8017).
"""

from __future__ import annotations

from enum import Enum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_LABELS = {b"ED25519 PRIVATE KEY": b"PRIVATE KEY", b"ED25519 PUBLIC KEY": b"PUBLIC KEY"}


class PKIError(ValueError):
    """Unusable key, request or certificate; the text says which and why."""


class Algorithm(Enum):
    """Kinds of key in use."""

    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256"
    RSA_4096 = "rsa-4096"


def generate(algorithm: Algorithm) -> PrivateKey:
    """New random private key."""
    match algorithm:
        case Algorithm.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case Algorithm.ECDSA_P256:
            return ec.generate_private_key(ec.SECP256R1())
        case Algorithm.RSA_4096:
            return rsa.generate_private_key(public_exponent=65537, key_size=4096)


def encode(key: PrivateKey) -> bytes:
    """PEM as Talos writes it."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _relabel(_dump(key, serialization.PrivateFormat.PKCS8), b"PRIVATE KEY", b"ED25519 PRIVATE KEY")
    return _dump(key, serialization.PrivateFormat.TraditionalOpenSSL)


def _dump(key: PrivateKey, form: serialization.PrivateFormat) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _relabel(pem: bytes, old: bytes, new: bytes) -> bytes:
    return pem.replace(b"-----BEGIN " + old + b"-----", b"-----BEGIN " + new + b"-----").replace(
        b"-----END " + old + b"-----", b"-----END " + new + b"-----"
    )


def standard_pem(pem: bytes) -> bytes:
    """The same PEM with labels that OpenSSL knows."""
    for ours, theirs in _LABELS.items():
        pem = _relabel(pem, ours, theirs)
    return pem


def decode(pem: bytes) -> PrivateKey:
    """Private key from PEM of any of the forms above, or PKCS#8. Raises PKIError."""
    try:
        # The check of an RSA key's primes takes 0.3 s; an inconsistent key fails when it is used.
        key = serialization.load_pem_private_key(standard_pem(pem), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise PKIError(f"unusable private key: {e}") from e
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise PKIError(f"unsupported kind of private key: {type(key).__name__}")
    return key


def encode_public(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo as PEM (``PUBLIC KEY``)."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_of(pem: bytes) -> bytes:
    """Public key of a PEM private key, as PEM."""
    return encode_public(decode(pem).public_key())

"""What the image that runs says of its own measurement: the signature of register 11 that its maker put in, and the
public key that belongs to it (systemd-stub(7), systemd-measure(1)). The first stage keeps both in /run/init.

A key that is sealed to the signer opens under every image of the same maker, and under no other. Once the volumes are
open the register is extended, so that a system that was taken over later cannot ask the chip for the keys again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path

import msgspec

from talos.linux.tpm import Approved

FOLDER = Path("/run/init")
SIGNATURE, PUBLIC_KEY = "tpm2-pcr-signature.json", "tpm2-pcr-public-key.pem"
REGISTER = 11
CLOSED = b"start-the-world"
"""what is measured when nothing more may be unsealed"""


class _Row(msgspec.Struct):
    pcrs: list[int]
    pkfp: str
    pol: str
    sig: str


class _Signatures(msgspec.Struct):
    sha256: list[_Row] = []


def signer(folder: Path = FOLDER) -> bytes:
    """The maker's public key in DER; empty for an image without signature, or with one that cannot be read."""
    try:
        pem = (folder / PUBLIC_KEY).read_bytes()
    except OSError:
        return b""
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        return b""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    found = key.public_bytes(serialization.Encoding.DER, form)
    return found if approved(found, folder) is not None else b""


def approved(key: bytes, folder: Path = FOLDER) -> Approved | None:
    """The signature that this key made over register 11, None if the image carries none."""
    try:
        rows = msgspec.json.decode((folder / SIGNATURE).read_bytes(), type=_Signatures).sha256
        for row in rows:
            if row.pcrs == [REGISTER] and row.pkfp.lower() == hashlib.sha256(key).hexdigest():
                return Approved((REGISTER,), bytes.fromhex(row.pol), base64.b64decode(row.sig, validate=True))
    except (OSError, ValueError, msgspec.MsgspecError, binascii.Error):
        pass
    return None

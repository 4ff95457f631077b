"""What systemd's stub will measure into register 11 of a TPM, and a signature that says it is good.

The stub measures each section of the image that it uses: its name with a zero byte, then its content in memory (UAPI
Group, Unified Kernel Image, TPM PCR measurements). The signature becomes the section .pcrsig, which is not measured, so
it is made from the image that is otherwise finished. Form of the JSON: systemd-measure(1), which would do this, and is
linked against a newer C library than the build host has.
"""

from __future__ import annotations

import base64
import json
import mmap
import struct
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from talos.imager.errors import ImageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

REGISTER = 11
# In the order in which they are measured.
MEASURED = (
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat", ".pcrpkey",
)  # fmt: skip
_UNKNOWN = frozenset({".profile", ".dtbauto", ".hwids", ".efifw"})
"""measured as well, in ways of their own; our images have none"""
_MOST_ZEROS = 1 << 20
_BITS = 2048
"""more are not taken by every chip"""


def load_key(path: Path) -> RSAPrivateKey:
    """The key of `talosctl gen secureboot pcr`. ImageError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}; `talosctl gen secureboot pcr` makes it") from error
    except (ValueError, TypeError) as error:
        raise ImageError(f"{path} is no private key in PEM: {error}") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size != _BITS:
        raise ImageError(f"{path} is no RSA key of {_BITS} bits: `talosctl gen secureboot pcr` makes one")
    return key


def public_pem(key: RSAPrivateKey) -> bytes:
    """Its public half, for the section .pcrpkey."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def sections(image: Path) -> dict[str, tuple[int, int, int]]:
    """Name → (offset in the file, bytes there, bytes in memory) of a PE image. ImageError."""
    with image.open("rb") as file:
        head = file.read(4096)
    try:
        (pe,) = struct.unpack_from("<I", head, 0x3C)
        signature, count, optional = struct.unpack_from("<4s2xH12xH", head, pe)
        if head[:2] != b"MZ" or signature != b"PE\0\0":
            raise ImageError(f"{image} is no PE image")
        found = {}
        for number in range(count):
            row = struct.unpack_from("<8sIIII", head, pe + 24 + optional + 40 * number)
            name, in_memory, _address, in_file, offset = row
            found[name.rstrip(b"\0").decode("ascii", "replace")] = (offset, in_file, in_memory)
    except struct.error as error:
        raise ImageError(f"{image} is no PE image: its header ends too early") from error
    return found


def register_value(parts: Iterable[tuple[str, bytes | memoryview, int]]) -> bytes:
    """What the register holds after these sections: name, content, and how many zeros follow it in memory. Pure."""
    value = bytes(32)
    for name, content, zeros in parts:
        data = sha256(content)
        data.update(bytes(zeros))
        for digest in (sha256(name.encode() + b"\0"), data):
            value = sha256(value + digest.digest()).digest()
    return value


def measure(image: Path) -> bytes:
    """The value of register 11 when the stub of this image has started its kernel. ImageError."""
    found = sections(image)
    if unknown := sorted(found.keys() & _UNKNOWN):
        raise ImageError(f"{image}: how {', '.join(unknown)} is measured is not known here")
    with image.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        parts = []
        for name in MEASURED:
            if name in found:
                offset, in_file, in_memory = found[name]
                if in_memory > in_file + _MOST_ZEROS:
                    raise ImageError(f"{image}: section {name} is damaged: {in_memory} bytes of {in_file}")
                parts.append((name, data[offset : offset + min(in_file, in_memory)], max(0, in_memory - in_file)))
        return register_value(parts)


def signed(image: Path, key: RSAPrivateKey) -> bytes:
    """The section .pcrsig of an image. ImageError."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    from talos.linux.tpm import registers_policy

    policy = registers_policy({REGISTER: measure(image)})
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.DER, form)
    row = {
        "pcrs": [REGISTER],
        "pkfp": sha256(public).hexdigest(),
        "pol": policy.hex(),
        "sig": base64.b64encode(key.sign(policy, padding.PKCS1v15(), hashes.SHA256())).decode(),
    }
    return json.dumps({"sha256": [row]}).encode()

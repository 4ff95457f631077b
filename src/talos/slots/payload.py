"""What lies in a slot: a unified kernel image on a machine, the root image in a container, or a reference to the image
that a local cluster was created from, which is mounted where it lies and never copied.

A root image carries its version and digest in a last block that its file system does not look at. A unified kernel
image has its version in the section .osrel, as systemd-boot reads it, and is signed as a whole or measured.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path

from msgspec import Struct

from talos.slots.entry import check_version

ROOT = "root image"
UKI = "unified kernel image"
REFERENCE = "reference"
BLOCK = 4096
_MAGIC = b"talos-image 1\n"
_REFERENCE_MAGIC = b"talos-reference 1\n"
_SQUASHFS, _EROFS, _EROFS_AT = b"hsqs", b"\xe2\xe1\xf5\xe0", 1024
_SECTION_LIMIT = 1 << 16


class PayloadError(Exception):
    """A file is not an image that can be booted; the text says why."""


class Payload(Struct, frozen=True):
    """What a file is. sha256 is that of everything before the tag, "" where there is none."""

    kind: str
    version: str
    sha256: str = ""
    image: str = ""
    """path that a reference names"""


def read(path: Path) -> Payload:
    """Look at a file. PayloadError, OSError."""
    with path.open("rb") as file:
        head = file.read(BLOCK)
        if head.startswith(_REFERENCE_MAGIC):
            about = _object(head[len(_REFERENCE_MAGIC) :], path)
            return Payload(REFERENCE, str(about.get("version", "")), image=str(about.get("image", "")))
        if head[:2] == b"MZ":
            return Payload(UKI, _uki_version(file.fileno(), path))
        if head[:4] == _SQUASHFS or head[_EROFS_AT : _EROFS_AT + 4] == _EROFS:
            size = os.fstat(file.fileno()).st_size
            tag = os.pread(file.fileno(), BLOCK, max(0, size - BLOCK))
            if not tag.startswith(_MAGIC):
                raise PayloadError(f"{path.name} has no version: it is cut short, or this system did not make it")
            about = _object(tag[len(_MAGIC) :], path)
            return Payload(ROOT, _version(str(about.get("version", "")), path), str(about.get("sha256", "")))
    raise PayloadError(f"{path.name} is neither a root image nor a unified kernel image")


def verify(path: Path) -> None:
    """Read a root image from end to end and compare it with its tag. PayloadError when a bit differs."""
    payload = read(path)
    if not payload.sha256:
        return
    digest, left = hashlib.sha256(), path.stat().st_size - BLOCK
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    if digest.hexdigest() != payload.sha256:
        raise PayloadError(f"{path.name} is damaged: its content is not what its tag says")


def tag(path: Path, version: str) -> None:
    """Append version and digest to a root image."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    about = json.dumps({"version": check_version(version), "sha256": digest.hexdigest()})
    with path.open("ab") as file:
        file.write((_MAGIC + about.encode() + b"\n").ljust(BLOCK, b"\0"))


def reference(image: Path, version: str) -> bytes:
    """Content of a slot file that stands for an image elsewhere."""
    return _REFERENCE_MAGIC + json.dumps({"image": str(image), "version": version}).encode() + b"\n"


def _object(data: bytes, path: Path) -> dict[str, object]:
    try:
        found = json.loads(data.rstrip(b"\0"))
    except ValueError as error:
        raise PayloadError(f"{path.name}: its description is damaged ({error})") from error
    if not isinstance(found, dict):
        raise PayloadError(f"{path.name}: its description is damaged")
    return found


def _version(text: str, path: Path) -> str:
    try:
        return check_version(text)
    except ValueError as error:
        raise PayloadError(f"{path.name}: {error}") from error


def _uki_version(fd: int, path: Path) -> str:
    """VERSION_ID of the section .osrel (PE/COFF; os-release(5))."""
    try:
        (offset,) = struct.unpack("<I", os.pread(fd, 4, 0x3C))
        header = os.pread(fd, 24, offset)
        if header[:4] != b"PE\0\0":
            raise PayloadError(f"{path.name} is no unified kernel image: it has no PE header")
        count, optional = struct.unpack("<H", header[6:8])[0], struct.unpack("<H", header[20:22])[0]
        table = os.pread(fd, 40 * count, offset + 24 + optional)
        for start in range(0, len(table) - 39, 40):
            if table[start : start + 8].rstrip(b"\0") == b".osrel":
                used, _, size, at = struct.unpack("<IIII", table[start + 8 : start + 24])
                text = os.pread(fd, min(used or size, _SECTION_LIMIT), at).decode(errors="replace")
                for line in text.splitlines():
                    if line.startswith("VERSION_ID="):
                        return _version(line.partition("=")[2].strip().strip("\"'"), path)
    except struct.error as error:
        raise PayloadError(f"{path.name} is cut short") from error
    raise PayloadError(f"{path.name} is no unified kernel image of this system: it does not say its version (.osrel)")

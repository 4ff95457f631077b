"""The file that a slot boots, out of an image that containerd holds.

Read from containerd's content store as it lies on EPHEMERAL, layer by layer from the last: unpacking the image into a
snapshot and mounting it would write the file twice before it reaches the slot.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from msgspec import Struct

from talos.machined import images

if TYPE_CHECKING:
    import tarfile

CONTENT = Path("/var/lib/containerd/io.containerd.content.v1.content/blobs")
ARCHITECTURE = "amd64"
ROOT_FILE = f"usr/install/{ARCHITECTURE}/rootfs.sqsh"
UKI_FILE = f"usr/install/{ARCHITECTURE}/vmlinuz.efi"
_CHUNK = 1 << 20
_MANIFEST_LIMIT = 4 << 20


class ImagePayloadError(Exception):
    """The image cannot be used for an upgrade; the text says why."""


class Source(Struct, frozen=True):
    """A file in a layer."""

    layer: Path
    name: str
    size: int

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its content."""
        tar, file = await asyncio.to_thread(self._open)
        try:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk
        except (OSError, EOFError) as error:
            raise ImagePayloadError(f"{self.name} cannot be read from its layer: {error}") from error
        finally:
            tar.close()

    def _open(self) -> tuple[tarfile.TarFile, IO[bytes]]:
        import tarfile  # here, not above: an upgrade in a year is no reason to hold it in memory

        tar = tarfile.open(self.layer)  # noqa: SIM115 - closed by chunks
        file = tar.extractfile(self.name)
        assert file is not None
        return tar, file


async def find(reference: str, space: str, *, container: bool, content: Path = CONTENT) -> Source:
    """The boot file of an image, by its name in a namespace of containerd. ImagePayloadError."""
    found = [image for image in await images.images(space) if image.name in _names(reference)]
    if not found:
        raise ImagePayloadError(f"image {reference} is not on this node: pull it first")
    return await asyncio.to_thread(_search, found[0].digest, reference, ROOT_FILE if container else UKI_FILE, content)


def _names(reference: str) -> set[str]:
    """A name as given, and as containerd completes it."""
    name, at, digest = reference.partition("@")
    last = name.rpartition("/")[2]
    return {reference, name if at or ":" in last else f"{name}:latest", *([f"{name}@{digest}"] if at else [])}


def _search(digest: str, reference: str, wanted: str, content: Path) -> Source:
    import tarfile

    try:
        manifest = _json(content, digest)
        if "manifests" in manifest:
            manifest = _json(content, _for_us(manifest["manifests"], reference))
        layers = [str(layer["digest"]) for layer in manifest["layers"]]
        for layer in reversed(layers):
            path = _blob(content, layer)
            with tarfile.open(path) as tar:
                for member in tar:
                    if member.name.lstrip("./") == wanted and member.isreg():
                        return Source(path, member.name, member.size)
    except tarfile.ReadError as error:
        raise ImagePayloadError(
            f"a layer of image {reference} is neither tar nor tar and gzip, which is what this node can read: {error}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImagePayloadError(f"image {reference} is damaged or incomplete on this node: {error}") from error
    raise ImagePayloadError(f"image {reference} holds no /{wanted}: it is no image of this operating system")


def _for_us(manifests: list[Any], reference: str) -> str:
    for entry in manifests:
        if entry.get("platform", {}).get("architecture", ARCHITECTURE) == ARCHITECTURE:
            return str(entry["digest"])
    raise ImagePayloadError(f"image {reference} is not made for {ARCHITECTURE}")


def _blob(content: Path, digest: str) -> Path:
    algorithm, _, value = digest.partition(":")
    if not algorithm.isalnum() or not value.isalnum():
        raise ValueError(f"{digest!r} is no digest")
    return content / algorithm / value


def _json(content: Path, digest: str) -> dict[str, Any]:
    path = _blob(content, digest)
    if path.stat().st_size > _MANIFEST_LIMIT:
        raise ValueError("its manifest is larger than 4 MiB")
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise TypeError("its manifest is no object")
    return found

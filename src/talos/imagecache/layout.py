"""The folder of an image cache, and the OCI image that carries one.

    blob/sha256-HEX
    manifests/REGISTRY/REPOSITORY/reference/TAG
    manifests/REGISTRY/REPOSITORY/digest/sha256-HEX

A registry's port follows an underscore instead of a colon, which not every file system takes. Manifests are kept byte
for byte, or their digests would change. Nothing is ever half there: files get their name when they are whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

BLOCK = 1 << 20
INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class CacheError(Exception):
    """A cache cannot be filled or read; the text says what to do."""


def digest_of(data: bytes) -> str:
    """sha256:HEX"""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def file_name(digest: str) -> str:
    """Name of the file that holds what has that digest."""
    return digest.replace(":", "-")


def fields_of(manifest: bytes) -> dict[str, Any]:
    """What a manifest says. CacheError."""
    try:
        fields = json.loads(manifest)
    except (ValueError, RecursionError) as error:
        raise CacheError("a manifest is not JSON") from error
    if not isinstance(fields, dict):
        raise CacheError("a manifest is JSON, and no manifest")
    return fields


def media_type(manifest: bytes) -> str:
    """Type of a manifest, by what it says or, for an OCI one that says nothing, by what it has. CacheError."""
    fields = fields_of(manifest)
    said = fields.get("mediaType") or ""
    found = said or (INDEX_TYPES[0] if "manifests" in fields else MANIFEST_TYPES[0] if "config" in fields else "")
    if found not in (*INDEX_TYPES, *MANIFEST_TYPES):
        raise CacheError(f"a manifest of type {found or 'unknown'} cannot be kept: schema 1 images are not supported")
    return str(found)


class Cache:
    """A cache in the flat form."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def blob(self, digest: str) -> Path:
        """Where that blob is or would be."""
        return self.root / "blob" / file_name(digest)

    def manifest(self, registry: str, repository: str, reference: str) -> Path:
        """Where that manifest is or would be, by tag or by digest."""
        kind = "digest" if ":" in reference else "reference"
        return self._repository(registry, repository) / kind / file_name(reference)

    def registries(self) -> list[str]:
        """Registries that images are kept of, sorted."""
        folder = self.root / "manifests"
        return sorted(path.name.replace("_", ":") for path in folder.iterdir()) if folder.is_dir() else []

    def keep_manifest(self, registry: str, repository: str, data: bytes, tag: str = "") -> str:
        """Keep a manifest under its digest and, if given, under a tag; returns the digest. OSError."""
        digest = digest_of(data)
        for reference in (digest, tag) if tag else (digest,):
            path = self.manifest(registry, repository, reference)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            temporary.write_bytes(data)
            temporary.replace(path)
        return digest

    def keep_blob(self, digest: str, chunks: Iterable[bytes]) -> None:
        """Keep a blob. CacheError if it is not what its digest says, OSError."""
        write_blob(self.blob(digest), digest, chunks)

    def _repository(self, registry: str, repository: str) -> Path:
        return self.root / "manifests" / registry.replace(":", "_") / Path(*repository.split("/"))


def write_blob(path: Path, digest: str, chunks: Iterable[bytes]) -> None:
    """Write what has that digest. CacheError if it has another, OSError; then there is no file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        found = hashlib.sha256()
        with temporary.open("wb") as file:
            for chunk in chunks:
                found.update(chunk)
                file.write(chunk)
        if digest != f"sha256:{found.hexdigest()}":
            raise CacheError(f"what came for {digest} has digest sha256:{found.hexdigest()}: it was changed on the way")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_blob(path: Path) -> Iterator[bytes]:
    """Content of a file, in parts. OSError."""
    with path.open("rb") as file:
        while chunk := file.read(BLOCK):
            yield chunk


def pack(cache: Cache, target: Path) -> None:
    """Write the cache as an OCI image layout whose one image has one layer, the files of the cache. OSError.

    The same cache gives the same bytes: order, times and owners in the layer are fixed. It is not compressed, since the
    blobs are.
    """
    blobs = target / "blobs/sha256"
    blobs.mkdir(parents=True)
    temporary = blobs / f".layer.{os.getpid()}"
    with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as layer:
        for path in _files(cache.root):
            entry = tarfile.TarInfo(path.relative_to(cache.root).as_posix())
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                layer.addfile(entry, file)
    with temporary.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    size = temporary.stat().st_size
    temporary.replace(blobs / digest)
    config = _add(
        blobs,
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        },
        "application/vnd.oci.image.config.v1+json",
    )
    layer_descriptor = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": f"sha256:{digest}",
        "size": size,
    }
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPES[0], "config": config, "layers": [layer_descriptor]}
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPES[0],
        "manifests": [_add(blobs, manifest, MANIFEST_TYPES[0])],
    }
    (target / "index.json").write_text(json.dumps(index))
    (target / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def _files(root: Path) -> Iterator[Path]:
    yield from sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))


def _add(blobs: Path, fields: dict[str, object], kind: str) -> dict[str, object]:
    data = json.dumps(fields).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

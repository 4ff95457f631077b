"""Fetching images into a cache: the index as it is, of its manifests those of the platforms asked for, their blobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from talos.imagecache.layout import (
    INDEX_TYPES,
    Cache,
    CacheError,
    fields_of,
    file_name,
    media_type,
    read_blob,
    write_blob,
)
from talos.imagecache.reference import Reference, is_digest
from talos.talosctl.imagecache.registry import NotFoundError, Registry

AT_ONCE = 4
"""blobs fetched at the same time"""


@dataclass(slots=True)
class Fill:
    """What is fetched, from where, and what it came to."""

    cache: Cache
    platforms: Sequence[str]
    """os/architecture or os/architecture/variant"""
    insecure: bool = False
    signatures: bool = True
    """also what cosign attached to an image: the tag sha256-HEX.sig (cosign, SIGNATURE_SPEC)"""
    layers: Path | None = None
    """folder that keeps blobs from one run to the next"""
    say: Callable[[str], None] = lambda _: None
    blobs: int = 0
    size: int = 0
    """bytes of the blobs together"""
    _registries: dict[str, Registry] = field(default_factory=dict)

    def image(self, reference: Reference) -> None:
        """Fetch one image. CacheError, OSError."""
        registry = self._registries.setdefault(reference.registry, Registry(reference.registry, insecure=self.insecure))
        data = registry.manifest(reference.repository, reference.target)
        digest = self.cache.keep_manifest(reference.registry, reference.repository, data, reference.tag)
        if reference.digest and digest != reference.digest:
            raise CacheError(f"{reference}: the registry answered {digest}: it is not what was asked for")
        if media_type(data) in INDEX_TYPES:
            self._index(registry, reference, data)
        else:
            self._manifest(registry, reference, data)
        if self.signatures:
            self._signature(registry, reference, digest)

    def _index(self, registry: Registry, reference: Reference, data: bytes) -> None:
        entries = descriptors(data, "manifests")
        for platform in self.platforms:
            chosen = [entry for entry in entries if fits(entry.platform, platform)]
            if not chosen:
                has = ", ".join(sorted({entry.platform for entry in entries} - {"unknown/unknown"}))
                raise CacheError(f"{reference} is not made for {platform}, but for {has or 'nothing'}")
            for entry in chosen:
                manifest = registry.manifest(reference.repository, entry.digest)
                kept = self.cache.keep_manifest(reference.registry, reference.repository, manifest)
                if kept != entry.digest:
                    raise CacheError(f"{reference}: the registry answered {kept} for {entry.digest}")
                self._manifest(registry, reference, manifest)

    def _manifest(self, registry: Registry, reference: Reference, data: bytes) -> None:
        if media_type(data) in INDEX_TYPES:
            raise CacheError(f"{reference}: an index inside an index cannot be kept")
        wanted = {d.digest: d.size for d in (*descriptors(data, "config"), *descriptors(data, "layers"))}

        def fetch(digest: str) -> None:
            self._blob(registry, reference.repository, digest)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(fetch, wanted))
        self.blobs += len(wanted)
        self.size += sum(wanted.values())

    def _blob(self, registry: Registry, repository: str, digest: str) -> None:
        if self.cache.blob(digest).exists():
            return
        if self.layers is None:
            self.cache.keep_blob(digest, registry.blob(repository, digest))
            return
        kept = self.layers / file_name(digest)
        if not kept.exists():
            write_blob(kept, digest, registry.blob(repository, digest))
        self.cache.keep_blob(digest, read_blob(kept))

    def _signature(self, registry: Registry, reference: Reference, digest: str) -> None:
        tag = f"{file_name(digest)}.sig"
        try:
            data = registry.manifest(reference.repository, tag)
        except NotFoundError:
            return
        self.say(f"{reference}: signature")
        self.cache.keep_manifest(reference.registry, reference.repository, data, tag)
        self._manifest(registry, reference, data)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest names: an image for a platform, a configuration, a layer (OCI image specification)."""

    digest: str
    size: int
    platform: str
    """os/architecture or os/architecture/variant; an attestation is for unknown/unknown"""


def descriptors(manifest: bytes, key: str) -> list[Descriptor]:
    """Those under a key. CacheError."""
    found = fields_of(manifest).get(key) or []
    made = []
    for item in found if isinstance(found, list) else [found]:
        fields = item if isinstance(item, dict) else {}
        digest, size, platform = fields.get("digest"), fields.get("size", 0), fields.get("platform") or {}
        if not isinstance(digest, str) or not is_digest(digest) or not isinstance(size, int) or size < 0:
            raise CacheError(f"a manifest names in {key} what has no SHA-256 digest and size")
        if not isinstance(platform, dict):
            platform = {}
        parts = [platform.get(name) or default for name, default in _PLATFORM]
        made.append(Descriptor(digest, size, "/".join(str(part) for part in parts if part)))
    return made


_PLATFORM = (("os", "unknown"), ("architecture", "unknown"), ("variant", ""))


def fits(has: str, wanted: str) -> bool:
    """Whether it is that platform; a variant counts where it is asked for, and v8 is what arm64 has without one."""
    has, wanted = (re.sub(r"/arm64/v8$", "/arm64", text) for text in (has, wanted))
    return has == wanted or (wanted.count("/") == 1 and has.startswith(f"{wanted}/"))

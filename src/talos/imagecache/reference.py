"""Names of container images: REGISTRY/REPOSITORY:TAG@DIGEST, with what people leave out filled in.

Grammar of repository, tag and digest: OCI distribution specification 1.1, «Pulling manifests». What is left out is read
as container engines read it: no registry is Docker Hub, a Docker Hub name without a folder is in library/, no tag is
latest.
"""

from __future__ import annotations

import re

from msgspec import Struct

DOCKER_HUB = "docker.io"
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class BadReferenceError(ValueError):
    """It is no image name; the text says why."""


class Reference(Struct, frozen=True):
    """One image; a tag, a digest or both."""

    registry: str
    repository: str
    tag: str
    digest: str = ""

    @property
    def target(self) -> str:
        """What to ask the registry for: the digest where there is one, since a tag can move."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def is_host(text: str) -> bool:
    """Whether it can be a registry: a name or address, with a port or without."""
    return _HOST.fullmatch(text) is not None


def is_repository(text: str) -> bool:
    """Whether it can be the name of a repository; such a name is safe as a path."""
    return len(text) <= 255 and _REPOSITORY.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether it can be a tag; such a tag is safe as the name of a file."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether it is a SHA-256 digest, the one algorithm that registries use."""
    return _DIGEST.fullmatch(text) is not None


def parse(text: str) -> Reference:
    """BadReferenceError."""
    name, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise BadReferenceError(f"{text}: what follows @ is no digest of the form sha256:…")
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry = DOCKER_HUB if first == "index.docker.io" else first
    else:
        registry, rest = DOCKER_HUB, name
    repository, colon, tag = rest.rpartition(":")
    if not colon:
        repository, tag = rest, "" if digest else "latest"
    elif not is_tag(tag):
        raise BadReferenceError(f"{text}: {tag!r} is no tag")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if not is_host(registry):
        raise BadReferenceError(f"{text}: {registry!r} is no registry")
    if not is_repository(repository):
        raise BadReferenceError(f"{text}: {repository!r} is no name of a repository")
    return Reference(registry, repository, tag, digest)

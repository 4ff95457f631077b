"""Which Kubernetes versions a machine can run.

The newest is the minor version that the image carries; older ones go back as far as the contract says, since
kube-apiserver talks with kubelets three minor versions apart and clusters are upgraded one minor version at a time
(Kubernetes version skew policy).
"""

from __future__ import annotations

import re

from talos import versions
from talos.config.errors import ConfigError

SUPPORTED_MINORS = 6
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


def parse(text: str) -> tuple[int, int]:
    """Major and minor of a full version. Raises ConfigError."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ConfigError(f"Kubernetes version {text!r} is not of the form {versions.DEFAULT_KUBERNETES_VERSION}")
    return int(found[1]), int(found[2])


def check_supported(text: str) -> None:
    """Raise ConfigError for a version that this release cannot run."""
    version, newest = parse(text), parse(versions.DEFAULT_KUBERNETES_VERSION)
    oldest = (newest[0], newest[1] - SUPPORTED_MINORS + 1)
    if not oldest <= version <= newest:
        raise ConfigError(
            f"Kubernetes {text} is too {'new' if version > newest else 'old'}: "
            f"{oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]} can be used with {versions.TALOS_VERSION}"
        )


def of_image(reference: str) -> str | None:
    """Version in the tag of an image reference, None when the tag is no version (a digest, a name)."""
    tag = reference.partition("@")[0].rpartition(":")[2]
    return tag if _VERSION.fullmatch(tag) else None

"""Which layout and defaults a configuration for a given Talos version has.

A machine reads configurations of its own version and older ones; ``gen config --talos-version`` writes for machines
that are older than the tool. Two layouts are in use: documents for everything since v1.14, and the v1alpha1 document
with nearly everything before.
"""

from __future__ import annotations

import re

import msgspec

from talos.config.errors import ConfigError

OLDEST = (1, 8)
NEWEST = (1, 14)
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?(?:-[0-9A-Za-z.+-]*)?")


class VersionContract(msgspec.Struct, frozen=True, order=True):
    """A Talos version, major and minor."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> VersionContract:
        """Read ``v1.14``, ``1.14.3``; empty = newest. Later machines read what ours do. Raises ConfigError for
        versions that we cannot write for."""
        if not text:
            return cls(*NEWEST)
        found = _VERSION.fullmatch(text)
        if found is None:
            raise ConfigError(f"Talos version {text!r} is not of the form v1.14")
        version = (int(found[1]), int(found[2]))
        if version < OLDEST:
            raise ConfigError(
                f"configurations for Talos {text} cannot be written: v{OLDEST[0]}.{OLDEST[1]} and later can"
            )
        return cls(*min(version, NEWEST))

    @property
    def multi_document(self) -> bool:
        """Whether every setting has a document of its own."""
        return (self.major, self.minor) >= (1, 14)

    @property
    def hostname_document(self) -> bool:
        """Whether the hostname has a document of its own, and with it what v1.11 had to be told is always on: roles,
        the usage of client certificates. Since then the installer also takes the kernel arguments of the image."""
        return (self.major, self.minor) >= (1, 12)

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}"

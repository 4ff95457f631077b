"""Where a machine learns who it is: one file a platform.

A platform answers two questions: `configuration`, once, when nothing is on disk yet; `network`, at every start. Which
one a machine is on says the kernel argument talos.platform; without it, it is metal.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from msgspec import Struct, field

from talos.environment import NodeEnvironment
from talos.resources.network import LinkStatusSpec, PlatformConfigSpec

KNOWN = ("container", "metal", "nocloud")
MAX_FILE = 16 << 20
"""bytes of a configuration; longer ones are somebody's mistake"""


class PlatformError(Exception):
    """What a platform said cannot be used; the text says where it came from and what is wrong."""


class NoSeedError(PlatformError):
    """There is no disk with a seed; one that is there at all appears within seconds."""


class Machine(Struct, frozen=True):
    """What a platform may ask about this machine."""

    env: NodeEnvironment
    links: Sequence[tuple[str, LinkStatusSpec]] = ()
    """(name, status), hardware only, in the kernel's order"""
    hostname: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)
    """values of META by key, "0x0a" """
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("platform"))

    def dmi(self, name: str) -> str:
        """A value of the firmware's tables (SMBIOS), "" when there is none."""
        try:
            return self.env.path(f"/sys/class/dmi/id/{name}").read_text(errors="replace").strip()
        except OSError:
            return ""

    def link_of(self, hardware_address: str) -> str:
        """Name of the link with an address, "" when there is none."""
        wanted = hardware_address.lower()
        for name, link in self.links:
            if wanted in (link.permanent_addr.lower(), link.hardware_addr.lower()):
                return name
        return ""


class Platform(Protocol):
    """A module of this package."""

    async def configuration(self, machine: Machine) -> bytes | None:
        """The machine configuration, None when the platform has none: maintenance mode. PlatformError, OSError: asked
        again later."""

    async def network(self, machine: Machine) -> PlatformConfigSpec:
        """What the platform says of names, addresses and itself. PlatformError, OSError."""


def of(env: NodeEnvironment) -> Platform:
    """The platform of this machine. PlatformError names those that exist."""
    if env.platform not in KNOWN:
        raise PlatformError(
            f"talos.platform={env.platform}: this version knows the platforms {', '.join(KNOWN)}; set one of them"
        )
    return cast(Platform, importlib.import_module(f"talos.platforms.{env.platform}"))


def read_bounded(path: Path) -> bytes:
    """A small file. PlatformError when it is not small."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise PlatformError(f"{path.name} is longer than {MAX_FILE >> 20} MiB")
    return data

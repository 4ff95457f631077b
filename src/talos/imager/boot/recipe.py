"""os/boot.toml as values, and os/boot.lock: which kernels, modules and boot programs the artefacts are made of."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talos.imager import debian
from talos.imager.errors import ImageError
from talos.imager.recipe import Recipe


@dataclass(frozen=True)
class Flavour:
    """One kernel and what goes with it."""

    name: str
    kernel: str  # Debian's package that depends on the current kernel
    modules: tuple[str, ...] = ()  # beside those of every flavour
    firmware: tuple[str, ...] = ()  # packages
    firmware_files: tuple[str, ...] = ()  # globs below usr/lib/firmware

    @property
    def kernel_pattern(self) -> str:
        """Regular expression of the package that holds the kernel itself."""
        return self.kernel.replace("linux-image-", r"linux-image-\d[\w.+]*-")


@dataclass(frozen=True)
class BootRecipe:
    """The whole of os/boot.toml."""

    packages: tuple[str, ...]
    build: tuple[str, ...]
    """packages that the build host alone runs"""
    modules: tuple[str, ...]
    without: tuple[str, ...]
    first_stage: tuple[str, ...]
    beside: tuple[str, ...]
    arguments: tuple[str, ...]
    flavours: dict[str, Flavour]
    tools: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """package → files that a machine has and a container node has not"""

    @property
    def names(self) -> tuple[str, ...]:
        """Every Debian package to pin."""
        wanted = {*self.packages, *self.build, *self.tools}
        for flavour in self.flavours.values():
            wanted |= {flavour.kernel, *flavour.firmware}
        return tuple(sorted(wanted))

    def needs(self, flavour: Flavour, package: str) -> bool:
        """Whether a flavour's artefacts are made of this package."""
        return package in self.build or self.ships(flavour, package)

    def ships(self, flavour: Flavour, package: str) -> bool:
        """Whether something of this package is in a flavour's artefacts."""
        wanted = package in {*self.packages, *self.tools, *flavour.firmware}
        return wanted or re.fullmatch(flavour.kernel_pattern, package) is not None

    def flavour(self, name: str) -> Flavour:
        """ImageError names those there are."""
        if name not in self.flavours:
            raise ImageError(f"there is no flavour {name}: choose one of {', '.join(self.flavours)}")
        return self.flavours[name]


def load(path: Path) -> BootRecipe:
    """Reads the recipe; an unknown key of a flavour is an error that names it."""
    data = tomllib.loads(path.read_text())
    flavours = {}
    for name, row in data["flavour"].items():
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
        try:
            flavours[name] = Flavour(name, **values)
        except TypeError as error:
            raise ImageError(f"{path}: flavour {name}: {error}") from error
    return BootRecipe(
        packages=tuple(data["debian"]["packages"]),
        build=tuple(data["debian"]["build"]),
        modules=tuple(data["modules"]["always"]),
        without=tuple(data["modules"]["without"]),
        first_stage=tuple(data["first_stage"]["modules"]),
        beside=tuple(data["first_stage"]["beside"]),
        arguments=tuple(data["kernel"]["arguments"]),
        flavours=flavours,
        tools={name: tuple(files) for name, files in data.get("tools", {}).items()},
    )


def lock(root: Recipe, recipe: BootRecipe, path: Path) -> list[debian.Pin]:
    """Pins the current versions, from the suites that the root is made of."""
    instead = {flavour.kernel: flavour.kernel_pattern for flavour in recipe.flavours.values()}
    pins = debian.resolve(root, recipe.names, instead)
    debian.write_lock(path, pins)
    return pins

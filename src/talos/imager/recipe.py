"""os/root.toml: which packages, and which of their files, make the root."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talos.imager.errors import ImageError


@dataclass(frozen=True)
class Package:
    """One Debian package and what is taken from it (globs below its root, `{a,b}` is alternation)."""

    name: str
    files: tuple[str, ...] = ()
    python: tuple[str, ...] = ()  # below usr/lib/python3/dist-packages, copied to the module path
    stdlib: bool = False  # its usr/lib/python3.13 is a part of the standard library
    ca_certificates: bool = False  # its Mozilla certificates make the bundle


@dataclass(frozen=True)
class Recipe:
    """The whole of os/root.toml."""

    architecture: str
    suites: tuple[str, ...]
    security_suites: tuple[str, ...]
    build: tuple[str, ...]
    packages: tuple[Package, ...]
    wheels: tuple[str, ...]
    stdlib_without: frozenset[str]
    encodings: frozenset[str]
    thirdparty_without: frozenset[str]
    unused_libraries: dict[str, str]  # module file → soname that it lists and takes no symbol from

    @property
    def package_names(self) -> tuple[str, ...]:
        """Every Debian package that the lock file must pin, image and build."""
        return tuple(sorted({package.name for package in self.packages} | set(self.build)))


def load(path: Path) -> Recipe:
    """Reads the recipe; an unknown key of a package is an error that names it."""
    data = tomllib.loads(path.read_text())
    packages = []
    for row in data["package"]:
        try:
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
            packages.append(Package(**values))
        except TypeError as error:
            raise ImageError(f"{path}: package {row.get('name', '?')}: {error}") from error
    debian = data["debian"]
    return Recipe(
        architecture=debian["architecture"],
        suites=tuple(debian["suites"]),
        security_suites=tuple(debian["security_suites"]),
        build=tuple(debian["build"]),
        packages=tuple(packages),
        wheels=tuple(data["python"]["wheels"]),
        stdlib_without=frozenset(data["stdlib"]["without"]),
        encodings=frozenset(data["stdlib"]["encodings"]),
        thirdparty_without=frozenset(data["thirdparty"]["without"]),
        unused_libraries=dict(data["thirdparty"]["unused_libraries"]),
    )

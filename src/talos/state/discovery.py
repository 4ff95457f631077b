"""Finds the controllers that were built into the image.

There is no list of controllers: a module removed from talos.controllers is a
controller removed from the node.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from talos.state.controller import Controller


def discover(package: str = "talos.controllers", process: str | None = None) -> list[type[Controller]]:
    """Controller classes defined below a package, by name; of one process, or of all with None.

    ImportError names the module that cannot be imported: a node with a missing
    controller would be worse than one that does not start.
    """
    return in_modules(modules(package), process)


def in_modules(names: Iterable[str], process: str | None = None) -> list[type[Controller]]:
    """Controller classes defined in these modules, by name."""
    found: dict[str, type[Controller]] = {}
    for module_name in names:
        module = importlib.import_module(module_name)
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and value.__module__ == module_name
                and issubclass(value, Controller)
                and "name" in vars(value)
                and (process is None or value.process == process)
            ):
                other = found.setdefault(value.name, value)
                if other is not value:
                    raise ValueError(f"two controllers are called {value.name}: {other.__module__}, {module_name}")
    return [found[name] for name in sorted(found)]


def modules(package: str) -> list[str]:
    """Names of all modules below a package, packages included, sorted. The package itself is imported."""
    names = []
    for name, is_package in children(package).items():
        if is_package:
            names += modules(name)
        names.append(name)
    return sorted(names)


def children(package: str) -> dict[str, bool]:
    """Modules right below a package, which is imported: full name, and whether it is a package. Those in its folder,
    and those that a finder of the import system has elsewhere and tells of (talos.zygote.archive).

    Not pkgutil: it knows no such finder, and tries each suffix of Python on each file (a tenth of a second of a start
    where the processor is emulated).
    """
    found: dict[str, bool] = {}
    for folder in importlib.import_module(package).__path__:
        for entry in _entries(folder):
            stem, _, suffix = entry.name.partition(".")
            is_package = not suffix and entry.is_dir() and _is_package(entry.path)
            if stem.isidentifier() and stem != "__init__" and (is_package or suffix in ("py", "pyc")):
                found[f"{package}.{stem}"] = is_package
    for finder in sys.meta_path:
        if (tell := getattr(finder, "children", None)) is not None:
            found.update(tell(package))
    return found


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:  # all of it is elsewhere
        return []


def _is_package(folder: str) -> bool:
    return any(Path(folder, f"__init__.{suffix}").exists() for suffix in ("py", "pyc"))

"""Finds the controllers that were built into the image.

There is no list of controllers: a module removed from talos.controllers is a
controller removed from the node.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

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
    root = importlib.import_module(package)
    names = []
    for info in pkgutil.iter_modules(root.__path__, f"{package}."):
        if info.ispkg:
            names += modules(info.name)
        names.append(info.name)
    return sorted(names)

"""A module that is imported when something of it is asked for.

For modules that a process may never use and that take long to import: `h11 = at_first_use("h11")` beside an import of
the same name under TYPE_CHECKING. Not for classes that are inherited from, nor where a failing import must show at the
start. importlib's LazyLoader imports a module already when another one names it in an import.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        value = getattr(importlib.import_module(self.__name__), attribute)
        setattr(self, attribute, value)  # the next time it is found without us
        return value


def at_first_use(name: str) -> Any:
    """Stands for the module `name`."""
    return _Later(name)


def in_its_place(name: str) -> None:
    """Have other code's `import name` find a module that is executed when something of it is asked for."""
    if name not in sys.modules:
        sys.modules[name] = _Later(name)

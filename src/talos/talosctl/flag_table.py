"""Flags written as a table, a line each: [-s] --name type [default]; for commands whose flags are many and plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from talos.talosctl.options import DURATION, ListOption

F = TypeVar("F", bound=Callable[..., Any])

_TYPES: dict[str, Any] = {
    "string": str,
    "int": int,
    "uint": click.IntRange(0),
    "uint16": click.IntRange(0, 65535),
    "uint32": click.IntRange(0, 2**32 - 1),
    "float64": float,
    "duration": DURATION,
}


def option(line: str, hidden: bool = True, **more: Any) -> Callable[[F], F]:
    """The decorator that one line of a table stands for."""
    words = line.split()
    names = [word for word in words if word.startswith("-")]
    kind, *rest = [word for word in words if not word.startswith("-")]
    default = rest[0] if rest else ""
    if kind == "bool":
        on = default == "true"
        name = f"{names[-1]}/--no-{names[-1].removeprefix('--')}" if on else names[-1]
        return click.option(*names[:-1], name, is_flag=True, default=on, hidden=hidden, **more)
    if kind == "stringSlice":
        items = default.split(",") if default else None
        return click.option(*names, cls=ListOption, default=items, hidden=hidden, **more)
    if kind == "stringArray":
        return click.option(*names, multiple=True, default=[default] if default else None, hidden=hidden, **more)
    converted = int(default) if kind in ("int", "uint", "uint16", "uint32") else default
    return click.option(*names, type=_TYPES[kind], default=converted, hidden=hidden, **more)


def table(text: str, hidden: bool = True, **more: Any) -> Callable[[F], F]:
    """All flags of a table; `more` goes to each of them."""

    def decorate(function: F) -> F:
        for line in reversed(text.strip().splitlines()):
            function = option(line, hidden, **more)(function)
        return function

    return decorate

"""Command lines of the Kubernetes family (its five programs and etcd): defaults and the user's ``extraArgs`` merged.

A flag has one or several values; several are given by repeating the flag. What the user gives replaces the default,
except where the flag is additive (values are joined by a comma: a user who adds an admission plugin does not mean to
drop the built-in ones) or denied (it names identity, trust or membership, which the node itself decides).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

Value = str | Sequence[str]


class DeniedArgumentError(ValueError):
    """``extraArgs`` holds a flag that may not be set by the configuration."""

    def __init__(self, program: str, flags: Collection[str]) -> None:
        names = ", ".join(sorted(flags))
        super().__init__(f"{program}: extraArgs may not set {names}: the node decides it; remove it there")
        self.flags = frozenset(flags)


def merge(
    program: str,
    defaults: Mapping[str, Value],
    extra: Mapping[str, Value],
    *,
    additive: Collection[str] = (),
    denied: Collection[str] = (),
) -> dict[str, list[str]]:
    """Defaults with the extra flags merged in, each as a list of values. DeniedArgumentError names all bad flags."""
    bad = set(extra) & set(denied)
    if bad:
        raise DeniedArgumentError(program, bad)
    merged = {name: _values(value) for name, value in defaults.items()}
    for name, value in extra.items():
        values = _values(value)
        if name in additive and name in merged:
            merged[name] = [",".join([*merged[name], *values])]
        else:
            merged[name] = values
    return merged


def render(flags: Mapping[str, Sequence[str]]) -> list[str]:
    """``--name=value`` lines sorted by name; the order of a flag's values is kept."""
    return [f"--{name}={value}" for name in sorted(flags) for value in flags[name]]


def _values(value: Value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)

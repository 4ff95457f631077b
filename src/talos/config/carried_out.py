"""What a configuration asks for and this version does not carry out: said when it is applied, never silently nothing.

The table is generated from what the programs of the node read (``make reference``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from talos.config.carried_out_table import NOT_CARRIED_OUT
from talos.config.config import Config
from talos.config.host_owned import without_effect
from talos.config.schema import Kind, is_zero, plan

OF_MACHINES = frozenset({("VolumeConfig", "EPHEMERAL"), ("FilesystemTrimConfig", ""), ("SecurityProfileConfig", ""),
                         ("UnattendedInstallConfig", "")})  # fmt: skip
"""Documents that `gen config` writes for every node and a container has no use for: it has no disk to install to, and
its kernel is the host's. Others that somebody wrote are missed in a container as well."""
KEYS_OF_MACHINES = "machine.install"


def unsupported(config: Config, mode: str = "metal") -> list[str]:
    """A sentence for each document that is not carried out, or of which some keys in use are not."""
    found: list[str] = []
    in_container = mode == "container"
    for document in config.documents:
        if in_container and document.identity in OF_MACHINES:
            continue
        keys = NOT_CARRIED_OUT.get(document.KIND, ())
        if in_container:
            keys = tuple(key for key in keys if not key.startswith(KEYS_OF_MACHINES))
        if keys == ("",):
            if _asked(document) or len(plan(type(document)).fields) == 0:
                found.append(f"{document.title}: this version does not carry out documents of this kind")
        elif used := [key for key in keys if _used(document, key.split("."))]:
            found.append(f"{document.title}: this version does not carry out {', '.join(used)}")
    return [*found, *without_effect(config)] if in_container else found


def _asked(value: Any) -> bool:
    """Whether something is asked for: ``enabled: false`` asks for nothing."""
    return getattr(value, "enabled", None) is not False


def _used(value: Any, path: list[str]) -> bool:
    if value is None or not _asked(value):
        return False
    key, rest = path[0], path[1:]
    field = plan(type(value)).by_key[key.removesuffix("[]")]
    item = getattr(value, field.attribute)
    if rest:
        return any(_used(inner, [r for r in rest if r != "*"]) for inner in _inner(item, field.kind))
    # A switch that is off asks for nothing either.
    return not is_zero(field.kind, item) and item is not False and _asked(item)


def _inner(item: Any, kind: Kind) -> Iterator[Any]:
    match kind.name:
        case "list":
            yield from item or ()
        case "map":
            yield from (item or {}).values()
        case _:
            yield item

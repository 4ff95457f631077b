"""Resource types by the name that a person writes: the node itself knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from talos.talosctl.session import Session

META = "meta"
TYPE = "ResourceDefinitions.meta.cosi.dev"


@dataclass(frozen=True, slots=True)
class Definition:
    """What `get` needs to know of a type."""

    type: str
    display: str
    namespace: str
    names: frozenset[str]
    columns: tuple[tuple[str, str], ...]
    sensitive: bool = False


async def all_definitions(session: Session, node: str) -> list[Definition]:
    """Every type the node has. ApiError."""
    from talos.api import cosi_resource_pb2 as pb
    from talos.talosctl.resource_output import spec_of

    request = pb.ListRequest(namespace=META, type=TYPE)
    return [
        _definition(answer.resource.metadata.id, spec_of(answer.resource))
        async for answer in session.stream(node, "/cosi.resource.State/List", request)
    ]


def _definition(id: str, spec: dict[str, Any]) -> Definition:
    names = {id, *(spec.get("aliases") or ()), *(spec.get("allAliases") or ())}
    columns = tuple((column["name"], column["jsonPath"]) for column in spec.get("printColumns") or ())
    return Definition(
        spec["type"],
        spec.get("displayType", spec["type"]),
        spec.get("defaultNamespace", ""),
        frozenset(name.lower() for name in names),
        columns,
        spec.get("sensitivity") == "sensitive",
    )


def choose(definitions: Sequence[Definition], name: str) -> Definition:
    """The type of that name. ClickException if there is none or more than one."""
    wanted = name.lower()
    exact = [d for d in definitions if d.type.lower() == wanted]
    found = exact or [d for d in definitions if wanted in d.names]
    if len(found) == 1:
        return found[0]
    if found:
        options = ", ".join(sorted(d.type.lower() for d in found))
        raise click.ClickException(f"resource type {name!r} is ambiguous, it may be: {options}")
    import difflib

    near = difflib.get_close_matches(wanted, [n for d in definitions for n in d.names], 1, 0.7)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise click.ClickException(f"the node has no resource type {name!r}{hint} (talosctl get rd lists them)")

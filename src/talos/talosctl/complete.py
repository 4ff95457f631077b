"""What the shell is offered for a flag or argument: contexts from the client configuration, nodes, types and services
from the cluster itself, asked for no longer than a person waits for a tab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from talos.talosctl.session import Session

_WAIT_S = 3.0
_MEMBERS = "Members.cluster.talos.dev"

Found = Iterator[tuple[str, str]]
"""values, each with a word of explanation"""


def _session(ctx: click.Context) -> Session:
    """Whom the line so far speaks to."""
    from talos.talosctl.session import Session

    given: dict[str, Any] = {}
    at: click.Context | None = ctx
    while at is not None:
        given = {**at.params, **given}
        at = at.parent
    path = given.get("talosconfig") or ""
    return Session(
        talosconfig=Path(path) if path else None,
        context=given.get("context") or "",
        endpoints=given.get("endpoints") or (),
        nodes=given.get("nodes") or (),
    )


def offer(source: Callable[[Session], Found]) -> Callable[..., list[CompletionItem]]:
    """A source as click asks for it. Whatever goes wrong, nothing is offered: a shell must not show errors on a tab."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        head, comma, last = incomplete.rpartition(",")
        try:
            found = dict(source(_session(ctx)))
        except Exception:
            return []
        return [CompletionItem(head + comma + name, help=text) for name, text in found.items() if name.startswith(last)]

    return complete


def contexts(session: Session) -> Found:
    """Names of the contexts."""
    from talos.client import TalosConfig, default_path

    for name, context in TalosConfig.load(session.talosconfig or default_path()).contexts.items():
        yield name, ", ".join(context.endpoints)


def nodes(session: Session) -> Found:
    """Nodes and endpoints of the context, and the members that the cluster knows, by address and by name."""
    context = session.selected()
    for address in (*context.nodes, *context.endpoints):
        yield address, "of the client configuration"
    asked = _ask(session, "/cosi.resource.State/List", _MEMBERS, "cluster", (context.nodes or context.endpoints)[0])
    for resource, spec in asked:
        for address in spec.get("addresses") or ():
            yield address, spec.get("hostname") or resource
        yield resource, spec.get("machineType") or ""


def types(session: Session) -> Found:
    """Resource types, by their shortest names."""
    from talos.talosctl.definitions import META, TYPE

    for _, spec in _ask(session, "/cosi.resource.State/List", TYPE, META):
        yield spec["type"].lower(), spec.get("displayType", "")
        for alias in spec.get("aliases") or ():
            yield alias, spec["type"]


def services(session: Session) -> Found:
    """Services of the node."""
    for name, spec in _ask(session, "/cosi.resource.State/List", "Services.v1alpha1.talos.dev", "runtime"):
        yield name, "running" if spec.get("running") else "stopped"


def _ask(session: Session, path: str, kind: str, namespace: str, node: str = "") -> list[tuple[str, dict[str, Any]]]:
    from talos.api import cosi_resource_pb2 as pb
    from talos.talosctl.resource_output import spec_of

    target = node or session.targets()[0]

    async def main() -> list[tuple[str, dict[str, Any]]]:
        import asyncio

        async with asyncio.timeout(_WAIT_S):
            return [
                (reply.resource.metadata.id, spec_of(reply.resource))
                async for reply in session.stream(target, path, pb.ListRequest(namespace=namespace, type=kind))
            ]

    try:
        return session.run(main)
    except Exception:
        return []

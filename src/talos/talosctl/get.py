"""talosctl get."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.options import Command, client_options, insecure_options, offer
from talos.talosctl.session import Answers, Failed, Session

if TYPE_CHECKING:
    from talos.talosctl.definitions import Definition
    from talos.talosctl.resource_output import Writer


@click.command(cls=Command)
@insecure_options
@client_options
@click.option("--namespace", default="", help="namespace of the resources (default: that of the type)")
@click.option("-o", "--output", default="table", help="table, yaml, json or jsonpath=TEMPLATE")
@click.option("-w", "--watch", is_flag=True, help="go on with changes")
@click.argument("kind", metavar="TYPE", shell_complete=offer("types"))
@click.argument("resource_id", metavar="[ID]", default="")
def get(session: Session, kind: str, resource_id: str, namespace: str, output: str, watch: bool) -> None:
    """Show resources: talosctl get members, talosctl get services kubelet -o yaml.

    A TYPE is a full name or any of its aliases; talosctl get rd lists them.
    """
    from talos.client import ApiError
    from talos.talosctl.definitions import all_definitions, choose
    from talos.talosctl.resource_output import writer

    async def main() -> None:
        definition = None
        last: ApiError | None = None
        for node in session.targets():  # whichever of them can be reached knows the types
            try:
                definition = choose(await all_definitions(session, node), kind)
                break
            except ApiError as error:
                last = error
        if definition is None:
            assert last is not None
            raise last
        out = writer(output, definition, watch)
        if watch:
            await _watch(session, definition, namespace, resource_id, out)
        else:
            await _show(session, definition, namespace, resource_id, out)

    session.run(main)


async def _show(session: Session, definition: Definition, namespace: str, resource_id: str, out: Writer) -> None:
    from talos.api import cosi_resource_pb2 as pb

    namespace = namespace or definition.namespace

    async def ask(node: str) -> list[Any]:
        if resource_id:
            reply = await session.call(
                node,
                "/cosi.resource.State/Get",
                pb.GetRequest(namespace=namespace, type=definition.type, id=resource_id),
            )
            return [reply.resource]
        return [
            reply.resource
            async for reply in session.stream(
                node, "/cosi.resource.State/List", pb.ListRequest(namespace=namespace, type=definition.type)
            )
        ]

    answers: Answers[list[Any]] = await session.each(ask)
    for node, resources in answers.good:
        for resource in resources:
            out.write(node, resource)
    out.finish()
    verb = "getting resource" if resource_id else "listing resources"
    answers.finish(f"error {verb} on node {{node}}: {{error}}")


async def _watch(session: Session, definition: Definition, namespace: str, resource_id: str, out: Writer) -> None:
    from talos.api import cosi_resource_pb2 as pb
    from talos.client import ApiError

    names = {pb.CREATED: "created", pb.UPDATED: "updated", pb.DESTROYED: "destroyed"}
    failed = False

    async def follow(node: str) -> None:
        nonlocal failed
        request = pb.WatchRequest(
            namespace=namespace or definition.namespace,
            type=definition.type,
            api_version=1,
            options=pb.WatchOptions(bootstrap_contents=not resource_id),
        )
        if resource_id:
            request.id = resource_id
        try:
            async for reply in session.stream(node, "/cosi.resource.State/Watch", request):
                for event in reply.event:
                    if event.event_type == pb.ERRORED:
                        raise click.ClickException(f"error watching on node {node}: {event.error}")
                    if event.event_type in names:
                        out.write(node, event.resource, names[event.event_type])
        except ApiError as error:
            print(f"error watching on node {node}: {error}", file=sys.stderr)
            failed = True

    await asyncio.gather(*(follow(node) for node in session.targets()))
    if failed:
        raise Failed

"""talosctl inspect."""

from __future__ import annotations

import click

from talos.talosctl.options import ClientGroup, Command, client_options
from talos.talosctl.session import Session

_OUTPUT = ("OUTPUT_EXCLUSIVE", "OUTPUT_SHARED")
_STYLES = {
    "OUTPUT_EXCLUSIVE": "bold",
    "OUTPUT_SHARED": "solid",
    "INPUT_STRONG": "solid",
    "INPUT_WEAK": "dotted",
    "INPUT_DESTROY_READY": "dashed",
}


@click.group(cls=ClientGroup)
def inspect() -> None:
    """Look inside a node."""


@inspect.command(cls=Command)
@client_options
@click.option("--with-resources", is_flag=True, help="draw every resource, not only their types")
def dependencies(session: Session, with_resources: bool) -> None:
    """Draw which controllers read and write which resources, as a graph for Graphviz (dot -Tsvg)."""
    from talos.api import inspect_pb2

    (node,) = session.targets(exactly_one=True, command="inspect dependencies")
    reply = session.run(lambda: session.call(node, "/inspect.InspectService/ControllerRuntimeDependencies"))
    edges = [edge for message in reply.messages for edge in message.edges]
    print("digraph {")
    print('\trankdir="LR";')
    for controller in sorted({edge.controller_name for edge in edges}):
        print(f'\t"{controller}" [shape=box, style=filled, fillcolor=lightblue];')
    for kind in sorted({edge.resource_type for edge in edges}):
        print(f'\t"{kind}" [shape=note];')
    if with_resources:
        namespaces = {(edge.resource_type, edge.resource_namespace) for edge in edges}
        for kind, names in session.run(lambda: _resources(session, node, sorted(namespaces))):
            for name in names:
                print(f'\t"{kind}/{name}" [label="{name}", shape=plaintext];')
                print(f'\t"{kind}" -> "{kind}/{name}" [arrowhead=none];')
    for edge in edges:
        name = inspect_pb2.DependencyEdgeType.Name(edge.edge_type)
        ends = (
            (edge.controller_name, edge.resource_type)
            if name in _OUTPUT
            else (edge.resource_type, edge.controller_name)
        )
        label = f', label="{edge.resource_id}"' if edge.resource_id else ""
        print(f'\t"{ends[0]}" -> "{ends[1]}" [style={_STYLES[name]}{label}];')
    print("}")


async def _resources(session: Session, node: str, kinds: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Ids of what there is of each type; what this person may not see is left out."""
    from talos.api import cosi_resource_pb2 as pb
    from talos.client import ApiError

    found = []
    for kind, namespace in kinds:
        request = pb.ListRequest(namespace=namespace, type=kind)
        try:
            replies = [reply async for reply in session.stream(node, "/cosi.resource.State/List", request)]
        except ApiError:
            continue
        found.append((kind, [reply.resource.metadata.id for reply in replies]))
    return found

"""talosctl read."""

from __future__ import annotations

import sys

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Session


@click.command(cls=Command)
@client_options
@click.argument("path")
def read(session: Session, path: str) -> None:
    """Print a file of one node."""
    from talos.api import machine_pb2
    from talos.client import ApiError

    (node,) = session.targets(exactly_one=True, command="read")

    async def main() -> None:
        async for chunk in session.stream(node, "/machine.MachineService/Read", machine_pb2.ReadRequest(path=path)):
            sys.stdout.buffer.write(chunk.bytes)
        sys.stdout.buffer.flush()

    try:
        session.run(main)
    except ApiError as error:
        raise click.ClickException(f"error reading {path} on node {node}: {error}") from error

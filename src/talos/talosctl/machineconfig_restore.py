"""talosctl machineconfig restore."""

from __future__ import annotations

import click

from talos.talosctl.apply import HowToApply, mode_options, report
from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Answers, Session


@click.command(cls=Command)
@client_options
@mode_options
@click.argument("generation", metavar="GENERATION", type=click.IntRange(1))
def restore(session: Session, generation: int, how: HowToApply) -> None:
    """Apply a generation of a node's configuration once more; `history` lists them."""
    from talos.api import pytalos_config_pb2 as pb

    if how.mode == "try":
        raise click.UsageError("a generation is not tried but restored: use --confirm-within, which survives a reboot")
    session.targets(exactly_one=True, command="restore")  # numbers differ from node to node
    request = pb.RestoreRequest(generation=generation, terms=how.terms())

    async def one(node: str) -> None:
        report(node, await session.call(node, "/pytalos.config.ConfigService/Restore", request))

    answers: Answers[None] = session.run(lambda: session.each(one))
    answers.finish("error restoring the configuration of node {node}: {error}")

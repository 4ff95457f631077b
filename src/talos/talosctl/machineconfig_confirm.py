"""talosctl machineconfig confirm."""

from __future__ import annotations

import sys

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Session


@click.command(cls=Command)
@client_options
@click.option("--generation", type=click.IntRange(0), default=0, help="refuse if another one is in force")
def confirm(session: Session, generation: int) -> None:
    """Stand by a configuration that was applied with --confirm-within: the node keeps it."""
    from talos.api import pytalos_config_pb2 as pb

    answers = session.ask("/pytalos.config.ConfigService/Confirm", pb.ConfirmRequest(generation=generation))
    for node, answer in answers.good:
        print(f"node {node}: generation {answer.generation} is confirmed", file=sys.stderr)
    answers.finish("error confirming the configuration of node {node}: {error}")

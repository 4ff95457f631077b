"""talosctl machineconfig diff."""

from __future__ import annotations

import sys

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Session


@click.command(cls=Command)
@client_options
@click.argument("before", metavar="[GENERATION", type=click.IntRange(1), required=False)
@click.argument("after", metavar="[GENERATION]]", type=click.IntRange(1), required=False)
def diff(session: Session, before: int | None, after: int | None) -> None:
    """Compare two generations of a node's configuration, secrets redacted.

    With one number: that generation and what is in force. With none: what the last change was.
    """
    from talos.api import pytalos_config_pb2 as pb

    request = pb.DiffRequest(to=after or 0, **{"from": before or 0})
    answers = session.ask("/pytalos.config.ConfigService/Diff", request)
    for node, answer in answers.good:
        old, new = getattr(answer, "from"), answer.to
        print(answer.text, end="")
        said = "differ" if answer.text else "say the same"
        print(f"node {node}: generations {old} and {new} {said}", file=sys.stderr)
    answers.finish()

"""talosctl time."""

from __future__ import annotations

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import moment, table
from talos.talosctl.session import Session


@click.command(cls=Command)
@client_options
@click.option("--check", default="", metavar="SERVER", help="compare with this time server")
def time(session: Session, check: str) -> None:
    """Show a node's clock and its time server's."""
    from talos.api import time_pb2

    answers = (
        session.ask("/time.TimeService/TimeCheck", time_pb2.TimeRequest(server=check))
        if check
        else session.ask("/time.TimeService/Time")
    )
    table(
        ("NODE", "NTP-SERVER", "NODE-TIME", "NTP-SERVER-TIME"),
        [(node, m.server, moment(m.localtime), moment(m.remotetime)) for node, a in answers.good for m in a.messages],
    )
    answers.finish()

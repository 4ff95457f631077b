"""talosctl processes."""

from __future__ import annotations

from typing import Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import size, table
from talos.talosctl.session import Session


@click.command(cls=Command)
@client_options
@click.option("-s", "--sort", default="rss", help="rss or cpu; anything else counts as rss, as on Talos")
def processes(session: Session, sort: str) -> None:
    """List processes."""
    answers = session.ask("/machine.MachineService/Processes")

    def key(process: Any) -> float:
        return -float(process.cpu_time if sort == "cpu" else process.resident_memory)

    rows = [
        (
            node,
            p.pid,
            p.state,
            p.threads,
            f"{p.cpu_time:.2f}",
            size(p.virtual_memory),
            size(p.resident_memory),
            p.label,
            p.args or p.command,
        )
        for node, answer in answers.good
        for message in answer.messages
        for p in sorted(message.processes, key=key)
    ]
    table(("NODE", "PID", "STATE", "THREADS", "CPU-TIME", "VIRTMEM", "RESMEM", "LABEL", "COMMAND"), rows)
    answers.finish()

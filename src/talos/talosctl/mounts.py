"""talosctl mounts."""

from __future__ import annotations

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import table
from talos.talosctl.session import Session


@click.command(cls=Command)
@client_options
def mounts(session: Session) -> None:
    """List mounts and how full they are."""
    answers = session.ask("/machine.MachineService/Mounts")
    rows = []
    for node, answer in answers.good:
        for message in answer.messages:
            for stat in message.stats:
                used = stat.size - stat.available
                percent = 100.0 * used / stat.size if stat.size else 0.0
                rows.append(
                    (
                        node,
                        stat.filesystem,
                        f"{stat.size / 1e9:.2f}",
                        f"{used / 1e9:.2f}",
                        f"{stat.available / 1e9:.2f}",
                        f"{percent:.2f}%",
                        stat.mounted_on,
                    )
                )
    table(("NODE", "FILESYSTEM", "SIZE(GB)", "USED(GB)", "AVAILABLE(GB)", "PERCENT USED", "MOUNTED ON"), rows)
    answers.finish()

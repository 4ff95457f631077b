"""talosctl dmesg."""

from __future__ import annotations

import click

from talos.talosctl.options import Command, client_options, insecure_options
from talos.talosctl.session import Session


@click.command(cls=Command)
@insecure_options
@client_options
@click.option("-f", "--follow", is_flag=True, help="go on with messages from now on")
@click.option("--tail", is_flag=True, help="only messages from now on, with --follow")
def dmesg(session: Session, follow: bool, tail: bool) -> None:
    """Show kernel messages."""
    from talos.api import machine_pb2
    from talos.talosctl.follow import print_lines

    print_lines(session, "/machine.MachineService/Dmesg", machine_pb2.DmesgRequest(follow=follow, tail=tail))

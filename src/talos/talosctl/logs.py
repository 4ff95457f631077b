"""talosctl logs."""

from __future__ import annotations

import click

from talos.talosctl.options import Command, client_options, insecure_options, offer
from talos.talosctl.session import Session


@click.command(cls=Command)
@insecure_options
@client_options
@click.option("-f", "--follow", is_flag=True, help="go on with what is written from now on")
@click.option("--tail", type=int, default=-1, help="last lines to begin with (default: all)")
@click.option("-k", "--kubernetes", is_flag=True, help="log of a Kubernetes container, by its id in containers -k")
@click.option("--use-cri", is_flag=True, hidden=True)
@click.argument("name", metavar="SERVICE", shell_complete=offer("services"))
def logs(session: Session, name: str, follow: bool, tail: int, kubernetes: bool, use_cri: bool) -> None:
    """Show the log of a service, or with -k of a container."""
    from talos.api import common_pb2, machine_pb2
    from talos.talosctl.follow import print_lines

    in_cri = kubernetes or use_cri
    print_lines(
        session,
        "/machine.MachineService/Logs",
        machine_pb2.LogsRequest(
            namespace="k8s.io" if in_cri else "system",
            id=name,
            follow=follow,
            tail_lines=tail,
            driver=common_pb2.CRI if in_cri else common_pb2.CONTAINERD,
        ),
    )

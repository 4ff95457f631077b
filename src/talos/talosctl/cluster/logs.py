"""`talosctl cluster logs`: the consoles, read from the cluster's folder."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import BinaryIO

import click

from talos.talosctl.cluster.group import directory, shared
from talos.talosctl.options import Command

_POLL_S = 0.2


@click.command(cls=Command)
@shared
@click.argument("machine", required=False)
@click.option("--follow", "-f", is_flag=True, help="go on as lines come")
def logs(name: str, state: Path, machine: str | None, follow: bool) -> None:
    """Show the console of one node, or of all."""
    from talos.provision.model import ProvisionError

    cluster = directory(name, state)
    try:
        names = [node.name for node in cluster.load().nodes]
    except ProvisionError as error:
        raise click.ClickException(str(error)) from error
    if machine is not None:
        wanted = [node for node in names if machine in (node, node.removeprefix(f"{name}-"))]
        if not wanted:
            raise click.ClickException(f"cluster {name} has no node {machine!r}: it has {', '.join(names)}")
        names = wanted
    files = [(node, cluster.node(node).console.open("rb")) for node in names if cluster.node(node).console.exists()]
    prefixed = len(names) > 1
    while True:
        for node, file in files:
            _copy(node if prefixed else "", file)
        sys.stdout.flush()
        if not follow:
            return
        time.sleep(_POLL_S)


def _copy(prefix: str, file: BinaryIO) -> None:
    for line in file:
        text = line.decode(errors="replace")
        sys.stdout.write(f"{prefix}: {text}" if prefix else text)

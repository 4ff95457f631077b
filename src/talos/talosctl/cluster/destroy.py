"""`talosctl cluster destroy`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from talos.talosctl.cluster.group import directory, shared
from talos.talosctl.options import Command


def refuse(ctx: click.Context, param: click.Parameter, value: str) -> None:
    """Logs are saved before, not by the way. UsageError."""
    if value:
        raise click.UsageError(
            f"{param.opts[0]} is not carried out by this version: `talosctl cluster logs` and `talosctl support` save "
            "them before the cluster goes",
            ctx,
        )


@click.command(cls=Command)
@shared
@click.option("--force", "-f", is_flag=True, help="also when the cluster does not exist")
@click.option("--provisioner", default="docker", hidden=True)
@click.option("--save-cluster-logs-archive-path", default="", hidden=True, callback=refuse)
@click.option("--save-support-archive-path", default="", hidden=True, callback=refuse)
def destroy(name: str, state: Path, force: bool, **_: Any) -> None:
    """Remove a cluster: its processes, network, storage and files."""
    from talos.provision import destroy as destroying
    from talos.provision.model import ProvisionError

    try:
        if unknown := destroying.destroy(directory(name, state)):
            print(f"warning: {unknown}", file=sys.stderr)
    except ProvisionError as error:
        if force and not directory(name, state).exists():
            return
        raise click.ClickException(str(error)) from error
    except TimeoutError as error:
        raise click.ClickException(f"{error}; run destroy again") from error
    print(f"cluster {name} is gone", file=sys.stderr)

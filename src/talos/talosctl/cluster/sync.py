"""`talosctl cluster sync`."""

from __future__ import annotations

import click

from talos.talosctl.cluster.group import shared
from talos.talosctl.options import Command


@click.command(cls=Command, hidden=True)
@shared
def sync(**_: object) -> None:
    """Not needed: nothing of a local cluster is kept elsewhere."""
    raise click.ClickException(
        "there is nothing to bring up to date: `talosctl cluster show` reads what runs, "
        "`talosctl kubeconfig` and `talosctl config merge` fetch access anew"
    )

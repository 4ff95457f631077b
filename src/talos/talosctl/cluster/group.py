"""The group, and the flags that all its commands share. Commands are imported when they run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from talos.talosctl.cluster.values import check_name
from talos.talosctl.options import ClientGroup, Entry

if TYPE_CHECKING:
    from talos.provision.model import ClusterDirectory

F = TypeVar("F", bound=Callable[..., Any])

_ENTRIES = {
    "create": Entry("cluster.create:create", "Create a cluster on this machine"),
    "destroy": Entry("cluster.destroy:destroy", "Remove a cluster and everything it made"),
    "logs": Entry("cluster.logs:logs", "Show the console of a cluster's nodes"),
    "reboot": Entry("cluster.reboot:reboot", "Reboot nodes of a cluster"),
    "show": Entry("cluster.show:show", "Show a cluster's nodes and their state"),
    "sync": Entry("cluster.sync:sync", "", (), True),
}
DEFAULT_NAME = "talos-default"


def _no_remote(ctx: click.Context, param: click.Parameter, value: str) -> None:
    if value:
        raise click.UsageError(f"--remote-endpoint {value}: clusters are made on this machine only", ctx)


def shared(function: F) -> F:
    """--name and --state."""
    function = click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        default=lambda: Path.home() / ".talos" / "clusters",
        show_default="~/.talos/clusters",
        help="folder that holds the clusters",
    )(function)
    function = click.option("--remote-endpoint", default="", hidden=True, expose_value=False, callback=_no_remote)(
        function
    )
    return click.option("--name", default=DEFAULT_NAME, show_default=True, help="name of the cluster")(function)


def check_linux() -> None:
    """Nodes are containers or machines under QEMU on a bridge: all else of talosctl runs anywhere. ClickException."""
    if sys.platform != "linux":
        raise click.ClickException("local clusters need Linux; all other commands work here")


def directory(name: str, state: Path) -> ClusterDirectory:
    """The cluster that was named. Checked for every command, not only when one is made: `destroy --name "$UNSET"`
    must not mean the folder that holds all clusters."""
    check_linux()
    check_name(name)

    from talos.provision.model import ClusterDirectory

    return ClusterDirectory(state, name)


@click.group(cls=ClientGroup, entries=_ENTRIES)
def cluster() -> None:
    """Clusters on this machine: each node is a container that runs the real image with its own PID 1, or a machine."""

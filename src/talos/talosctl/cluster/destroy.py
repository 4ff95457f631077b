"""`talosctl cluster destroy`."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talos.talosctl.cluster.group import directory, shared
from talos.talosctl.options import Command

if TYPE_CHECKING:
    from talos.provision.model import ClusterDirectory

_SAVED = ("console.log", "monitor.log", "runc.log", "var/log/*.log")
"""below a node's folder"""


@click.command(cls=Command)
@shared
@click.option("--force", "-f", is_flag=True, help="also when the cluster does not exist")
@click.option("--provisioner", default="docker", hidden=True, expose_value=False)
@click.option("--save-cluster-logs-archive-path", default="", metavar="FILE", help="first keep all logs (.tar.gz)")
@click.option("--save-support-archive-path", default="", metavar="FILE", help="first make a support bundle (.zip)")
def destroy(
    name: str, state: Path, force: bool, save_cluster_logs_archive_path: str, save_support_archive_path: str
) -> None:
    """Remove a cluster: its processes, network, storage and files."""
    from talos.provision import destroy as destroying
    from talos.provision.model import ProvisionError

    cluster = directory(name, state)
    try:
        # What cannot be saved is said and leaves the cluster where it is: once it is gone, nobody can save it.
        if save_support_archive_path and cluster.exists():
            _save_support(cluster, Path(save_support_archive_path))
        if save_cluster_logs_archive_path and cluster.exists():
            _save_logs(cluster, Path(save_cluster_logs_archive_path))
        if unknown := destroying.destroy(cluster):
            print(f"warning: {unknown}", file=sys.stderr)
    except ProvisionError as error:
        if force and not cluster.exists():
            return
        raise click.ClickException(str(error)) from error
    except TimeoutError as error:
        raise click.ClickException(f"{error}; run destroy again") from error
    print(f"cluster {name} is gone", file=sys.stderr)


def _save_logs(cluster: ClusterDirectory, target: Path) -> None:
    """What the nodes wrote, from their folders: needs no API, so it works for a cluster that never came up."""
    try:
        with tarfile.open(target, "w:gz") as archive:
            for folder in sorted((cluster.path / "nodes").glob("*")):
                for pattern in _SAVED:
                    for path in sorted(folder.glob(pattern)):
                        archive.add(path, f"{folder.name}/{path.name}")
    except OSError as error:
        raise click.ClickException(
            f"the logs cannot be written to {target}: {error.strerror or error}; the cluster was left as it is"
        ) from error
    print(f"logs of cluster {cluster.name} are in {target}", file=sys.stderr)


def _save_support(cluster: ClusterDirectory, target: Path) -> None:
    from talos.client.config import ConfigError
    from talos.talosctl.session import Session
    from talos.talosctl.support_bundle import Bundle

    nodes = [node.address for node in cluster.load().nodes]
    config = cluster.path / "talosconfig"
    if not config.exists():
        raise click.ClickException(f"cluster {cluster.name} has no configuration yet: a support bundle cannot be made")
    session = Session(talosconfig=config, nodes=nodes)
    bundle = Bundle(session, 4, False)
    try:
        session.run(bundle.collect)
        bundle.write(target, [])
    except (ConfigError, OSError) as error:
        raise click.ClickException(
            f"the support bundle cannot be made: {error}; the cluster was left as it is"
        ) from error
    missing = f", {len(bundle.problems)} things could not be collected" if bundle.problems else ""
    print(f"support bundle of cluster {cluster.name} is {target}{missing}", file=sys.stderr)

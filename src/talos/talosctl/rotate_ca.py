"""talosctl rotate-ca."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from talos.talosctl.options import Command, ListOption, client_options
from talos.talosctl.session import Session


@click.command("rotate-ca", cls=Command)
@client_options
@click.option("--talos/--no-talos", default=True, help="replace the authority of the Talos API (default)")
@click.option(
    "--kubernetes/--no-kubernetes", default=True, help="replace the authority of the Kubernetes API (default)"
)
@click.option("--dry-run/--no-dry-run", default=True, help="show what would be done, and do nothing (default)")
@click.option("-o", "--output", default="talosconfig", metavar="FILE", help="where the new client configuration goes")
@click.option(
    "--control-plane-nodes", cls=ListOption, metavar="ADDRESS,...", help="control plane nodes (default: found)"
)
@click.option("--worker-nodes", cls=ListOption, metavar="ADDRESS,...", help="workers (default: found)")
@click.option("--init-node", default="", hidden=True)
@click.option("--k8s-endpoint", default="", metavar="URL", help="use this Kubernetes endpoint")
@click.option("--with-docs/--no-with-docs", default=True, hidden=True)
@click.option("--with-examples/--no-with-examples", default=True, hidden=True)
def rotate_ca(
    session: Session,
    talos: bool,
    kubernetes: bool,
    dry_run: bool,
    output: str,
    control_plane_nodes: list[str],
    worker_nodes: list[str],
    init_node: str,
    k8s_endpoint: str,
    **_: Any,
) -> None:
    """Replace the certificate authorities of a cluster while it runs: --dry-run=false does it.

    Every node first accepts the new authority, then certificates come from it, then the old one is accepted no more.
    Client configurations and kubeconfigs made before stop to work: a new talosconfig is written to --output.
    """
    from talos.talosctl.ca_rotation import Nodes, Rotation, discover
    from talos.talosctl.ca_subjects import KUBERNETES, TALOS

    target = Path(output)
    if talos and not dry_run and target.exists():
        raise click.ClickException(f"{target} exists already: the new client configuration needs another --output")
    if init_node:
        control_plane_nodes = [init_node, *control_plane_nodes]

    async def main() -> None:
        nodes = (
            Nodes(control_plane_nodes, worker_nodes)
            if control_plane_nodes
            else await discover(session, session.targets()[0])
        )
        print(f"> control plane nodes: {', '.join(nodes.control_plane)}")
        print(f"> workers: {', '.join(nodes.workers) or 'none'}")
        used = session
        if talos:
            rotation = Rotation(used, nodes, TALOS, dry_run, k8s_endpoint)
            used = await rotation.run(target)
        if kubernetes:
            await Rotation(used, nodes, KUBERNETES, dry_run, k8s_endpoint).run(None)

    session.run(main)
    if dry_run:
        print("> nothing was changed: --dry-run=false does it")
    elif talos:
        print(f"the new client configuration is {target}: talosctl config merge {target}", file=sys.stderr)

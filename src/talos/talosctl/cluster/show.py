"""`talosctl cluster show`."""

from __future__ import annotations

from pathlib import Path

import click

from talos.talosctl.cluster.group import directory, shared
from talos.talosctl.options import Command
from talos.talosctl.output import columns, size, table


@click.command(cls=Command)
@shared
@click.option("--provisioner", default="docker", hidden=True)
def show(name: str, state: Path, provisioner: str) -> None:
    """Show a cluster: network, endpoint, nodes and what their monitors say."""
    from talos.provision.model import ProvisionError
    from talos.provision.show import node_state

    del provisioner
    cluster = directory(name, state)
    try:
        model = cluster.load()
    except ProvisionError as error:
        raise click.ClickException(str(error)) from error
    columns(
        [
            ["PROVISIONER", model.provisioner],
            ["NAME", model.name],
            ["NETWORK NAME", cluster.bridge],
            ["NETWORK CIDR", ",".join(model.subnets)],
            ["NETWORK GATEWAY", ",".join(model.gateways)],
            ["NETWORK MTU", str(model.mtu)],
            ["KUBERNETES ENDPOINT", model.endpoint],
        ]
    )
    print("\nNODES:\n")
    table(
        ("NAME", "TYPE", "IP", "CPU", "RAM", "DISK", "STATE"),
        [
            (
                node.name,
                node.role,
                ",".join(node.addresses),
                f"{node.cpus:.2f}" if node.cpus else "-",
                size(node.memory) if node.memory else "-",
                size(sum(model.disks)) if model.disks else "-",
                node_state(cluster, node, model.machines),
            )
            for node in model.nodes
        ],
    )

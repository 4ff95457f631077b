"""`talosctl cluster reboot`: through the API, with the credentials kept in the cluster's folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from talos.talosctl.cluster.group import directory, shared
from talos.talosctl.options import Command, ListOption


@click.command(cls=Command)
@shared
@click.option("--node", "-n", cls=ListOption, help="nodes to reboot, by name or address [default: all]")
def reboot(name: str, state: Path, node: list[str]) -> None:
    """Reboot nodes of a cluster."""
    from talos import api
    from talos.client import Client, TalosConfig
    from talos.provision.model import ProvisionError

    cluster = directory(name, state)
    try:
        model = cluster.load()
    except ProvisionError as error:
        raise click.ClickException(str(error)) from error
    known = {text: item.address for item in model.nodes for text in (item.name, *item.addresses)}
    unknown = [item for item in node if item not in known]
    if unknown:
        raise click.ClickException(f"cluster {name} has no node {unknown[0]!r}: talosctl cluster show lists them")
    addresses = [known[item] for item in node] or [item.address for item in model.nodes]
    config = TalosConfig.load(cluster.path / "talosconfig")

    async def call() -> None:
        request = api.message_type("machine.RebootRequest")()
        async with Client.from_config(config) as client:
            for address in reversed(addresses):  # the control plane, through which the others are reached, last
                await client.call("/machine.MachineService/Reboot", request, node=address)

    asyncio.run(call())

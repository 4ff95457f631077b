"""Events that follow from resources: the machine's status and its addresses, as `talosctl events` shows them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from talos.api import machine_pb2
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.resources.runtime import MachineStatusSpec
from talos.state.watch import EventKind

if TYPE_CHECKING:
    from talos.machined.node import Node

_CHANGES = (EventKind.CREATED, EventKind.UPDATED)


async def publish_forever(node: Node) -> None:
    """Runs as long as machined."""
    await asyncio.gather(_machine_status(node), _addresses(node))


async def _machine_status(node: Node) -> None:
    async with node.state.watch(MachineStatusSpec, "machine") as changes:
        async for change in changes:
            if change.kind not in _CHANGES:
                continue
            spec = change.resource.spec
            conditions = [
                machine_pb2.MachineStatusEvent.MachineStatus.UnmetCondition(name=c.name, reason=c.reason)
                for c in spec.status.unmet_conditions
            ]
            node.events.publish(
                machine_pb2.MachineStatusEvent(
                    stage=spec.stage.name,
                    status=machine_pb2.MachineStatusEvent.MachineStatus(
                        ready=spec.status.ready, unmet_conditions=conditions
                    ),
                )
            )


async def _addresses(node: Node) -> None:
    known: tuple[str, tuple[str, ...]] | None = None
    async with node.state.watch(NodeAddressSpec, "current") as changes:
        async for change in changes:
            if change.kind not in _CHANGES:
                continue
            hostname = await node.state.get_or_none(HostnameStatusSpec, "hostname")
            name = hostname.spec.hostname if hostname is not None else ""
            addresses = tuple(address.partition("/")[0] for address in change.resource.spec.addresses)
            if (name, addresses) != known:
                known = (name, addresses)
                node.events.publish(machine_pb2.AddressEvent(hostname=name, addresses=addresses))

"""Shared addresses: one control plane node at a time has each, elected in etcd.

Only a node whose etcd is a voting member and whose Kubernetes API answers stands for election. The address becomes a
spec of the layer `operator`; networkd puts it on the link, tells the link (ARP), and takes it off again
(network.AddressSpecController).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.network.shared_address import shared_address
from talos.controllers.publish import publish
from talos.resources.enums import Operator
from talos.resources.etcd import MemberSpec, SpecSpec
from talos.resources.network import AddressSpecSpec, OperatorSpecSpec
from talos.resources.secrets import EtcdCertsSpec, EtcdRootSpec
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.resource import Phase
from talos.state.runtime import Runtime

if TYPE_CHECKING:
    from talos.etcd.client import EtcdClient

KEY = "talos:v1:vip:{}"
PROBE_S = 1.0


class VIPOperatorController(Controller):
    name = "network.VIPOperatorController"
    inputs = (
        machine_config.ACTIVE_CONFIG,
        Input(OperatorSpecSpec),
        Input(MemberSpec, id="local"),
        Input(SpecSpec, id="etcd"),
        Input(EtcdRootSpec, id="etcd"),
        Input(EtcdCertsSpec, id="etcd"),
    )
    outputs = (Output(AddressSpecSpec, SHARED),)

    def __init__(self) -> None:
        self._campaigns: dict[str, asyncio.Task[None]] = {}
        self._held: set[str] = set()

    async def run(self, rt: Runtime) -> None:
        self._campaigns, self._held = {}, set()  # those of a failed run ended with it
        async for _ in rt.events():
            await self.reconcile(rt)

    async def reconcile(self, rt: Runtime) -> None:
        wanted = {
            f"{resource.spec.link_name}/{resource.spec.vip.ip}": resource.spec
            for resource in await rt.list(OperatorSpecSpec)
            if resource.spec.operator is Operator.VIP and resource.spec.vip and resource.md.phase is Phase.RUNNING
        }
        config = await machine_config.active(rt)
        votes = await rt.get_or_none(MemberSpec, "local") is not None
        if not votes or config is None:
            wanted = {}
        for id_ in self._campaigns.keys() - wanted.keys():
            self._campaigns.pop(id_).cancel()
            self._held.discard(id_)
        for id_ in wanted.keys() - self._campaigns.keys():
            own = await rt.get_or_none(SpecSpec, "etcd")
            server = config.kubernetes.api_server if config is not None else None
            if own is not None and server is not None:
                campaign = self._campaign(rt, id_, own.spec.name, server.port)
                self._campaigns[id_] = rt.spawn(campaign, name=f"election of {id_}")
        desired = {}
        for id_ in self._held & wanted.keys():
            spec = shared_address(wanted[id_])
            final = f"{spec.link_name}/{spec.address}"
            desired[f"vip/{id_}/{layered_id(spec.layer, final)}"] = spec
        await publish(rt, AddressSpecSpec, desired, namespace=CONFIG_NAMESPACE)

    async def _campaign(self, rt: Runtime, id_: str, node: str, port: int) -> None:
        # here: most nodes share no address, and every node would load etcd's client before its API answers
        from talos.controllers.etcd.member import client_of
        from talos.etcd.election import stand

        def changed(elected: bool) -> None:
            rt.log.info("%s: this node %s the shared address", id_, "has" if elected else "no longer has")
            (self._held.add if elected else self._held.discard)(id_)
            rt.trigger()

        async def able() -> bool:
            return await _answers(port)

        async def connect() -> EtcdClient | None:
            return await client_of(rt, ["127.0.0.1"])

        await stand(connect, KEY.format(id_.rpartition("/")[2]), node, changed, able, rt.clock)


async def _answers(port: int) -> bool:
    """Whether something listens there on this node."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False

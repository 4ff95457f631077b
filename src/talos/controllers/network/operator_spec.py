"""Runs the DHCP operators, a client for each; what they learn becomes specs of the layer `operator`. Those of shared
addresses are network.VIPOperatorController's.

A lease is kept over a restart of machined (the controller's instance stays and writes it again) and over a restart of
networkd: what the earlier process wrote stays until the server has said whether the address may be kept. A link that
loses its carrier keeps its lease, and asks the server again when the carrier is back: a pulled cable must not take the
node's address, on which etcd and certificates depend.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Iterator

from talos.controllers.network import dhcp4_outputs
from talos.controllers.network.dhcp4_client import Dhcp4Client, Identity, LinkTransport
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.publish import always
from talos.resources.enums import ClientIdentifier, ConfigLayer, LinkFlag, Operator
from talos.resources.network import (
    AddressSpecSpec,
    ClientIdentifierSpec,
    HostnameSpecSpec,
    LinkSpecSpec,
    LinkStatusSpec,
    OperatorSpecSpec,
    ResolverSpecSpec,
    RouteSpecSpec,
    TimeServerSpecSpec,
)
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.resource import Phase
from talos.state.runtime import Runtime
from talos.state.spec import Spec

_KINDS = (AddressSpecSpec, LinkSpecSpec, RouteSpecSpec, ResolverSpecSpec, TimeServerSpecSpec, HostnameSpecSpec)


def client_id(spec: ClientIdentifierSpec | None, hardware_address: bytes) -> bytes:
    """Option 61: type 1 and the hardware address (RFC 2132), or what the configuration says, byte for byte."""
    if spec is None or spec.client_identifier is ClientIdentifier.NONE:
        return b""
    if spec.client_identifier is ClientIdentifier.DUID and spec.duid_raw_hex:
        return bytes.fromhex(spec.duid_raw_hex.replace(":", ""))
    return b"\x01" + hardware_address


def has_carrier(link: LinkStatusSpec) -> bool:
    """Administratively up, and something is at the other end."""
    return bool(link.flags & LinkFlag.UP) and link.link_state


class _Running:
    """A DHCPv4 operator that runs."""

    def __init__(self, spec: OperatorSpecSpec, link: LinkStatusSpec, client: Dhcp4Client) -> None:
        self.spec, self.index, self.client = spec, link.index, client
        self.hardware_address = link.hardware_addr
        self.carrier = True
        self.task: asyncio.Task[None] | None = None

    def serves(self, spec: OperatorSpecSpec) -> bool:
        """Whether the client may go on under a changed spec: to the server it is the same one."""
        address = self.client.identity.hardware_address
        return spec.dhcp4 is not None and client_id(spec.dhcp4.client_identifier, address) == (
            self.client.identity.client_id
        )

    def outputs(self) -> Iterator[tuple[str, Spec]]:
        if self.client.lease is not None and self.spec.dhcp4 is not None:
            yield from dhcp4_outputs.outputs(self.spec.link_name, self.spec.dhcp4, self.client.lease)


class OperatorSpecController(Controller):
    name = "network.OperatorSpecController"
    process = "networkd"
    inputs = (Input(OperatorSpecSpec), Input(LinkStatusSpec), Input(HostnameSpecSpec, id="hostname"))
    outputs = tuple(Output(kind, SHARED) for kind in _KINDS)

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._rt: Runtime | None = None
        self._refused: set[str] = set()

    async def run(self, rt: Runtime) -> None:
        self._rt = rt
        for running in self._running.values():  # tasks end with a failed run, leases do not
            running.task = rt.spawn(running.client.run())
        async for _ in rt.events():
            await self.reconcile(rt)

    async def reconcile(self, rt: Runtime) -> None:
        wanted = {
            resource.id: resource.spec
            for resource in await rt.list(OperatorSpecSpec)
            if resource.md.phase is Phase.RUNNING
        }
        links = {resource.id: resource.spec for resource in await rt.list(LinkStatusSpec)}
        hostname = await self._own_hostname(rt)
        for id_, running in list(self._running.items()):
            link = links.get(running.spec.link_name)
            gone = link is None or (link.index, link.hardware_addr) != (running.index, running.hardware_address)
            spec = wanted.get(id_)
            if gone or spec is None or not running.serves(spec):
                self._stop(id_, release=not gone)
            else:
                running.spec = spec
        waiting = []
        for id_, spec in wanted.items():
            link = links.get(spec.link_name)
            if spec.operator is Operator.DHCP6 and id_ not in self._refused:
                self._refused.add(id_)
                rt.log.error("%s: this version has no such operator, DHCPv4 only; it stays without effect", id_)
            if spec.operator is not Operator.DHCP4 or link is None:
                continue
            carrier = has_carrier(link) or not spec.require_up
            if id_ in self._running:
                self._carrier(self._running[id_], carrier)
            elif carrier:
                await self._start(rt, id_, spec, link)
            else:
                waiting.append(id_)
            if id_ in self._running:
                client = self._running[id_].client
                client.identity = Identity(client.identity.hardware_address, client.identity.client_id, hostname)
        unsettled = [id_ for id_, running in self._running.items() if not running.client.settled]
        await self._publish(rt, [*waiting, *unsettled])

    async def _own_hostname(self, rt: Runtime) -> str:
        """The name to tell the server: one that somebody chose, not one that the server gave or that was made up."""
        found = await rt.get_or_none(HostnameSpecSpec, "hostname")
        if found is None or found.spec.layer in (ConfigLayer.DEFAULT, ConfigLayer.OPERATOR):
            return ""
        return found.spec.hostname

    async def _start(self, rt: Runtime, id_: str, spec: OperatorSpecSpec, link: LinkStatusSpec) -> None:
        address = bytes.fromhex(link.hardware_addr.replace(":", ""))
        if len(address) != 6 or spec.dhcp4 is None:
            rt.log.warning("%s: DHCP needs a link with a hardware address of 6 bytes", id_)
            return
        previous = await self._previous(rt, id_)
        name, index = spec.link_name, link.index
        client = Dhcp4Client(
            Identity(address, client_id(spec.dhcp4.client_identifier, address)),
            lambda received: LinkTransport(name, index, received),
            rt.clock,
            self._changed,
            rt.log.getChild(name),
            previous,
        )
        running = self._running[id_] = _Running(spec, link, client)
        running.task = rt.spawn(client.run(), name=id_)

    async def _previous(self, rt: Runtime, id_: str) -> ipaddress.IPv4Address | None:
        """The address that an earlier networkd got for this operator."""
        for resource in await rt.list(AddressSpecSpec, namespace=CONFIG_NAMESPACE):
            if resource.md.owner == self.name and resource.id.startswith(f"{id_}/"):
                return ipaddress.IPv4Interface(resource.spec.address).ip
        return None

    def _changed(self) -> None:
        if self._rt is not None:
            self._rt.trigger()

    def _carrier(self, running: _Running, carrier: bool) -> None:
        if carrier and not running.carrier:
            running.client.verify()
        running.carrier = carrier

    def _stop(self, id_: str, *, release: bool) -> None:
        running = self._running.pop(id_)
        if release:
            running.client.release()
        if running.task is not None:
            running.task.cancel()

    async def _publish(self, rt: Runtime, untouched: Iterable[str]) -> None:
        """Outputs of all operators; those of `untouched` stay as they are."""
        kept: dict[type[Spec], set[str]] = {kind: set() for kind in _KINDS}
        for id_, running in self._running.items():
            for final, spec in running.outputs():
                full = f"{id_}/{layered_id(ConfigLayer.OPERATOR, final)}"
                await rt.modify(type(spec), full, always(spec), namespace=CONFIG_NAMESPACE)
                kept[type(spec)].add(full)
        prefixes = tuple(f"{id_}/" for id_ in untouched)
        for kind in _KINDS:
            if prefixes:
                existing = await rt.list(kind, namespace=CONFIG_NAMESPACE)
                kept[kind] |= {resource.id for resource in existing if resource.id.startswith(prefixes)}
            await rt.keep_only(kind, kept[kind], namespace=CONFIG_NAMESPACE)

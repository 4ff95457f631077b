"""Makes the kernel's addresses agree with the specs. Addresses that no spec named are never touched, but for shared
ones: what an earlier machined was elected for, and this one is not (yet), another node may have by now."""

from __future__ import annotations

import contextlib
import ipaddress

from talos.controllers.network.shared_address import shared_address
from talos.linux import arp
from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.resources.network import AddressSpecSpec, LinkStatusSpec, OperatorSpecSpec
from talos.state.controller import STRONG, Controller, Input
from talos.state.resource import Phase
from talos.state.runtime import Runtime


def kernel_address(spec: AddressSpecSpec, link_index: int) -> nl.Address:
    """The address to add or delete."""
    interface = ipaddress.ip_interface(spec.address)
    broadcast = None
    if isinstance(interface, ipaddress.IPv4Interface) and interface.network.prefixlen < 31:
        broadcast = interface.network.broadcast_address
    return nl.Address(
        index=link_index,
        interface=interface,
        broadcast=broadcast,
        scope=int(spec.scope),
        flags=int(spec.flags),
        priority=spec.priority,
    )


class AddressSpecController(Controller):
    name = "network.AddressSpecController"
    process = "networkd"
    inputs = (Input(AddressSpecSpec, STRONG), Input(LinkStatusSpec), Input(OperatorSpecSpec))

    async def reconcile(self, rt: Runtime) -> None:
        with RouteSocket() as route_socket:
            links = {link.name: link.index for link in route_socket.links()}
            existing = {(address.index, str(address.interface)) for address in route_socket.addresses()}
            specs = await rt.list(AddressSpecSpec)
            for spec in await self._left_over(rt, {(r.spec.link_name, r.spec.address) for r in specs}):
                index = links.get(spec.link_name)
                if index is not None and (index, spec.address) in existing:
                    rt.log.info(
                        "removing shared address %s from %s: another node may have it", spec.address, spec.link_name
                    )
                    with contextlib.suppress(nl.NetlinkError):
                        route_socket.address_delete(kernel_address(spec, index))
            for resource in specs:
                spec = resource.spec
                index = links.get(spec.link_name)
                if resource.md.phase is Phase.TEARING_DOWN:
                    if index is not None and (index, spec.address) in existing:
                        rt.log.info("removing address %s from %s", spec.address, spec.link_name)
                        with contextlib.suppress(nl.NetlinkError):  # it went with its link meanwhile
                            route_socket.address_delete(kernel_address(spec, index))
                    await rt.remove_finalizer(resource)
                    continue
                resource = await rt.add_finalizer(resource)
                if index is None or (index, spec.address) in existing:
                    continue
                rt.log.info("assigning address %s to %s", spec.address, spec.link_name)
                route_socket.address_add(kernel_address(spec, index))
                if spec.announce_with_arp:
                    try:
                        arp.announce(spec.link_name, ipaddress.IPv4Interface(spec.address).ip)
                    except OSError as error:
                        rt.log.warning("%s is not announced on %s: %s", spec.address, spec.link_name, error)

    async def _left_over(self, rt: Runtime, named: set[tuple[str, str]]) -> list[AddressSpecSpec]:
        """Shared addresses that no spec asks for now."""
        shared = [shared_address(o.spec) for o in await rt.list(OperatorSpecSpec) if o.spec.vip is not None]
        return [spec for spec in shared if (spec.link_name, spec.address) not in named]

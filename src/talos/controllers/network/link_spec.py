"""Makes the kernel's links agree with the specs: creates logical ones, sets state, MTU, address and master.

A link that no spec names is never touched. Removing the spec of a logical link removes the link.
"""

from __future__ import annotations

from talos.controllers.network.link_kinds import info_data
from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.resources.network import LinkSpecSpec, LinkStatusSpec
from talos.state.controller import STRONG, Controller, Input
from talos.state.resource import Phase
from talos.state.runtime import Runtime

_CREATABLE = frozenset({"bond", "bridge", "dummy", "veth", "vlan", "vrf", "wireguard"})


class LinkSpecController(Controller):
    name = "network.LinkSpecController"
    process = "networkd"
    inputs = (Input(LinkSpecSpec, STRONG), Input(LinkStatusSpec))

    async def reconcile(self, rt: Runtime) -> None:
        with RouteSocket() as route_socket:
            links = {link.name: link for link in route_socket.links()}
            failures: list[Exception] = []
            for resource in await rt.list(LinkSpecSpec):
                spec = resource.spec
                link = links.get(spec.name)
                if resource.md.phase is Phase.TEARING_DOWN:
                    if spec.logical and link is not None:
                        rt.log.info("removing link %s", spec.name)
                        route_socket.link_delete(link.index)
                    await rt.remove_finalizer(resource)
                    continue
                await rt.add_finalizer(resource)
                try:
                    if link is None and spec.logical:
                        link = self._create(rt, route_socket, spec, links)
                    if link is not None:
                        self._change(rt, route_socket, spec, link, links)
                except (OSError, NotImplementedError) as error:
                    failures.append(error)
            if failures:  # one link that cannot be made keeps no other from being up; all are tried again
                raise OSError("; ".join(map(str, failures)))

    def _create(
        self, rt: Runtime, route_socket: RouteSocket, spec: LinkSpecSpec, links: dict[str, nl.Link]
    ) -> nl.Link | None:
        if spec.kind not in _CREATABLE:
            raise NotImplementedError(f"link {spec.name}: links of kind {spec.kind!r} are not part of this version")
        attrs = b""
        if spec.parent_name:
            parent = links.get(spec.parent_name)
            if parent is None:
                return None  # the next change of a link tries again
            attrs = nl.attribute(nl.IFLA_LINK, parent.index)
        rt.log.info("creating %s link %s", spec.kind, spec.name)
        data = info_data(spec, lambda name: links[name].index if name in links else 0)
        if spec.hardware_addr:
            attrs += nl.attribute(nl.IFLA_ADDRESS, bytes.fromhex(spec.hardware_addr.replace(":", "")))
        route_socket.link_add(spec.name, spec.kind, mtu=spec.mtu, data=data, attrs=attrs)
        links.update((link.name, link) for link in route_socket.links())  # a veth comes with its peer
        return links.get(spec.name)

    def _change(
        self, rt: Runtime, route_socket: RouteSocket, spec: LinkSpecSpec, link: nl.Link, links: dict[str, nl.Link]
    ) -> None:
        master_name = spec.master_name or (spec.bridge_slave.master_name if spec.bridge_slave is not None else "")
        master_name = master_name or (spec.vrf_slave.master_name if spec.vrf_slave is not None else "")
        master = links.get(master_name)
        bonded = master is not None and master.kind == "bond"  # its ports have the bond's address
        address = bytes.fromhex(spec.hardware_addr.replace(":", "")) if spec.hardware_addr else b""
        changes = {
            "up": spec.up if spec.up != link.up else None,
            "mtu": spec.mtu if spec.mtu and spec.mtu != link.mtu else None,
            "master": master.index if master is not None and master.index != link.master else None,
            "address": address if address and address != link.address and not bonded else None,
        }
        if changes["master"] is not None and master is not None and master.kind == "bond" and link.up:
            # The bonding driver takes ports only while they are down.
            route_socket.link_set(link.index, up=False)
            route_socket.link_set(link.index, master=master.index)
            changes |= {"up": spec.up or None, "master": None}
        if any(value is not None for value in changes.values()):
            rt.log.info("changing link %s: %s", spec.name, {k: v for k, v in changes.items() if v is not None})
            route_socket.link_set(link.index, **changes)  # type: ignore[arg-type]

"""Makes the kernel's links agree with the specs: creates logical ones, sets state, MTU, address and master.

A link that no spec names is never touched. Removing the spec of a logical link removes the link.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from talos.controllers.network.link_kinds import info_data
from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.resources.network import LinkRefreshSpec, LinkSpecSpec, LinkStatusSpec, WireguardSpec
from talos.state.controller import EXCLUSIVE, STRONG, Controller, Input, Output
from talos.state.resource import Phase
from talos.state.runtime import Runtime

if TYPE_CHECKING:
    from talos import wireguard

WIREGUARD = "wireguard"
_WIREGUARD_MTU = 1420
"""what an Ethernet of 1500 leaves: a packet grows by IPv6, UDP and WireGuard's own header and tag, 80 bytes"""
_CREATABLE = frozenset({"bond", "bridge", "dummy", "veth", "vlan", "vrf", WIREGUARD})


def _next(old: LinkRefreshSpec) -> LinkRefreshSpec:
    return LinkRefreshSpec(generation=old.generation + 1)


def _explained(error: nl.NetlinkError, rt: Runtime, spec: LinkSpecSpec) -> OSError:
    """The error of a link that could not be made; a kernel without WireGuard by name."""
    if spec.kind != WIREGUARD or error.errno != errno.EOPNOTSUPP:
        return error
    if rt.env.in_container:
        advice = "a container has its host's kernel, run `modprobe wireguard` on the host"
    else:
        advice = "the module is not loaded yet, `talosctl dmesg` says why if it stays away"
    return OSError(error.errno, f"link {spec.name}: this kernel has no WireGuard (module wireguard): {advice}")


class LinkSpecController(Controller):
    name = "network.LinkSpecController"
    process = "networkd"
    inputs = (Input(LinkSpecSpec, STRONG), Input(LinkStatusSpec))
    outputs = (Output(LinkRefreshSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._wireguard_links: wireguard.Links | None = None

    async def reconcile(self, rt: Runtime) -> None:
        with RouteSocket() as route_socket:
            links = {link.name: link for link in route_socket.links()}
            failures: list[Exception] = []
            refresh = False
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
                    if link is not None and spec.kind in _CREATABLE and link.kind not in ("", spec.kind):
                        rt.log.info("link %s: a %s link takes the place of a %s link", spec.name, spec.kind, link.kind)
                        route_socket.link_delete(link.index)
                        del links[spec.name]
                        link = None
                    fresh = link is None and spec.logical
                    if fresh:
                        link = self._create(rt, route_socket, spec, links)
                    if link is not None and spec.kind == WIREGUARD:
                        refresh |= self._wireguard(rt, route_socket, spec, link, fresh=fresh)
                    if link is not None:
                        self._change(rt, route_socket, spec, link, links)
                except (OSError, NotImplementedError) as error:
                    failures.append(error)
            if self._wireguard_links is not None:
                self._wireguard_links.forget({link.index for link in links.values()})
            if refresh:  # the kernel gives no notice of it
                await rt.modify(LinkRefreshSpec, WIREGUARD, _next)
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
        try:
            route_socket.link_add(spec.name, spec.kind, mtu=spec.mtu, data=data, attrs=attrs)
        except nl.NetlinkError as error:
            raise _explained(error, rt, spec) from error
        links.update((link.name, link) for link in route_socket.links())  # a veth comes with its peer
        return links.get(spec.name)

    def _wireguard(
        self, rt: Runtime, route_socket: RouteSocket, spec: LinkSpecSpec, link: nl.Link, *, fresh: bool
    ) -> bool:
        """Keys and peers of a link; whether they changed. A fresh link that cannot have them is removed again."""
        from talos import wireguard  # few nodes have one

        if link.kind != WIREGUARD:
            raise OSError(f"link {spec.name}: there is a {link.kind or 'hardware'} link of that name already")
        if self._wireguard_links is None:
            self._wireguard_links = wireguard.Links()
        try:
            return self._wireguard_links.configure(rt, link.index, spec.name, spec.wireguard or WireguardSpec())
        except (OSError, ValueError) as error:
            if fresh:
                route_socket.link_delete(link.index)
            raise OSError(f"link {spec.name}: {error}") from error

    def _change(
        self, rt: Runtime, route_socket: RouteSocket, spec: LinkSpecSpec, link: nl.Link, links: dict[str, nl.Link]
    ) -> None:
        master_name = spec.master_name or (spec.bridge_slave.master_name if spec.bridge_slave is not None else "")
        master_name = master_name or (spec.vrf_slave.master_name if spec.vrf_slave is not None else "")
        master = links.get(master_name)
        bonded = master is not None and master.kind == "bond"  # its ports have the bond's address
        address = bytes.fromhex(spec.hardware_addr.replace(":", "")) if spec.hardware_addr else b""
        # As the kernel makes it: one that the configuration does not say any more is the default again.
        mtu = spec.mtu or (_WIREGUARD_MTU if spec.kind == WIREGUARD else 0)
        changes = {
            "up": spec.up if spec.up != link.up else None,
            "mtu": mtu if mtu and mtu != link.mtu else None,
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

"""Route netlink socket: dumps, changes and change notices.

Requests are synchronous: the kernel answers them inside send(2), so waiting for the answer never blocks an event loop
for longer than the work itself. Notices are only used as a wake-up: after one, the caller dumps again, which also heals
a socket whose buffer overflowed (ENOBUFS), the case that breaks every design that trusts single notices.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from types import TracebackType

from talos.linux import netlink as nl

_NETLINK_ROUTE = 0
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_EXT_ACK = 11
_RECEIVE_SIZE = 1 << 17


class RouteSocket:
    """Requests to the network namespace in which the socket was opened."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> RouteSocket:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def request(self, kind: int, flags: int, payload: bytes, what: str) -> None:
        """Send one change and wait for its acknowledgement; NetlinkError otherwise."""
        self._sequence += 1
        self._socket.send(nl.message(kind, nl.NLM_F_REQUEST | nl.NLM_F_ACK | flags, self._sequence, payload))
        while True:
            for msg in nl.messages(self._socket.recv(_RECEIVE_SIZE)):
                if msg.sequence != self._sequence or msg.kind != nl.NLMSG_ERROR:
                    continue
                code = nl.error_code(msg)
                if code:
                    raise nl.NetlinkError(code, f"{os.strerror(code)}: {what}")
                return

    def dump(self, kind: int, payload: bytes) -> Iterator[nl.Message]:
        """Messages of a dump. One that the kernel marks as interrupted by a change is repeated, up to five times."""
        for attempt in range(5):
            found: list[nl.Message] = []
            interrupted = False
            self._sequence += 1
            self._socket.send(nl.message(kind, nl.NLM_F_REQUEST | nl.NLM_F_DUMP, self._sequence, payload))
            done = False
            while not done:
                for msg in nl.messages(self._socket.recv(_RECEIVE_SIZE)):
                    if msg.sequence != self._sequence:
                        continue
                    interrupted = interrupted or bool(msg.flags & nl.NLM_F_DUMP_INTR)
                    if msg.kind == nl.NLMSG_DONE:
                        done = True
                    elif msg.kind == nl.NLMSG_ERROR:
                        code = nl.error_code(msg)
                        raise nl.NetlinkError(code, f"{os.strerror(code)}: dump {kind}")
                    else:
                        found.append(msg)
            if not interrupted or attempt == 4:
                yield from found
                return

    def links(self) -> list[nl.Link]:
        return [
            nl.decode_link(msg.payload)
            for msg in self.dump(nl.RTM_GETLINK, nl.encode_link())
            if msg.kind == nl.RTM_NEWLINK
        ]

    def link(self, name: str) -> nl.Link | None:
        return next((link for link in self.links() if link.name == name), None)

    def addresses(self) -> list[nl.Address]:
        payload = struct.pack("=BBBBI", 0, 0, 0, 0, 0)
        return [
            nl.decode_address(msg.payload)
            for msg in self.dump(nl.RTM_GETADDR, payload)
            if msg.kind == nl.RTM_NEWADDR and msg.payload[0] in (nl.AF_INET, nl.AF_INET6)
        ]

    def routes(self) -> list[nl.Route]:
        payload = struct.pack("=BBBBBBBBI", 0, 0, 0, 0, 0, 0, 0, 0, 0)
        return [
            nl.decode_route(msg.payload)
            for msg in self.dump(nl.RTM_GETROUTE, payload)
            if msg.kind == nl.RTM_NEWROUTE and msg.payload[0] in (nl.AF_INET, nl.AF_INET6)
        ]

    def link_add(self, name: str, kind: str, *, mtu: int = 0, data: bytes = b"", attrs: bytes = b"") -> None:
        """Create a link. data is the content of IFLA_INFO_DATA, attrs further attributes of the link."""
        info = nl.attribute(nl.IFLA_INFO_KIND, kind.encode())
        if data:
            info += nl.attribute(nl.IFLA_INFO_DATA | nl.NLA_F_NESTED, data)
        payload = nl.attribute(nl.IFLA_IFNAME, name) + nl.attribute(nl.IFLA_LINKINFO | nl.NLA_F_NESTED, info) + attrs
        if mtu:
            payload += nl.attribute(nl.IFLA_MTU, mtu)
        self.request(
            nl.RTM_NEWLINK, nl.NLM_F_CREATE | nl.NLM_F_EXCL, nl.encode_link(attrs=payload), f"create {kind} link {name}"
        )

    def veth_add(self, name: str, peer: str, *, peer_namespace: int, mtu: int = 0, master: int = 0) -> None:
        """A pair of Ethernet links: name here (enslaved to the link with index master), peer in another namespace."""
        peer_attrs = nl.attribute(nl.IFLA_IFNAME, peer) + nl.attribute(nl.IFLA_NET_NS_FD, peer_namespace)
        if mtu:
            peer_attrs += nl.attribute(nl.IFLA_MTU, mtu)
        data = nl.attribute(nl.VETH_INFO_PEER, nl.encode_link(attrs=peer_attrs))
        self.link_add(name, "veth", mtu=mtu, data=data, attrs=nl.attribute(nl.IFLA_MASTER, master) if master else b"")

    def link_set(
        self,
        index: int,
        *,
        up: bool | None = None,
        mtu: int | None = None,
        master: int | None = None,
        address: bytes | None = None,
        name: str | None = None,
    ) -> None:
        """Change a link; what is None stays."""
        attrs = b""
        if mtu is not None:
            attrs += nl.attribute(nl.IFLA_MTU, mtu)
        if master is not None:
            attrs += nl.attribute(nl.IFLA_MASTER, master)
        if address is not None:
            attrs += nl.attribute(nl.IFLA_ADDRESS, address)
        if name is not None:
            attrs += nl.attribute(nl.IFLA_IFNAME, name)
        payload = nl.encode_link(
            index, flags=nl.IFF_UP if up else 0, change=nl.IFF_UP if up is not None else 0, attrs=attrs
        )
        self.request(nl.RTM_NEWLINK, 0, payload, f"change link {index}")

    def link_delete(self, index: int) -> None:
        self.request(nl.RTM_DELLINK, 0, nl.encode_link(index), f"delete link {index}")

    def address_add(self, address: nl.Address) -> None:
        """Add an address; one that is already there is left as it is."""
        try:
            self.request(
                nl.RTM_NEWADDR,
                nl.NLM_F_CREATE | nl.NLM_F_EXCL,
                nl.encode_address(address),
                f"add address {address.interface} to link {address.index}",
            )
        except nl.NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise

    def address_delete(self, address: nl.Address) -> None:
        self.request(nl.RTM_DELADDR, 0, nl.encode_address(address), f"delete address {address.interface}")

    def route_add(self, route: nl.Route) -> None:
        """Add a route, or replace the one with the same destination, table and priority."""
        self.request(
            nl.RTM_NEWROUTE,
            nl.NLM_F_CREATE | nl.NLM_F_REPLACE,
            nl.encode_route(route),
            f"add route {route.destination or 'default'} via {route.gateway}",
        )

    def route_delete(self, route: nl.Route) -> None:
        self.request(nl.RTM_DELROUTE, 0, nl.encode_route(route), f"delete route {route.destination or 'default'}")


class RouteMonitor:
    """Calls back on the event loop when something in the subscribed groups changed."""

    def __init__(self, groups: tuple[int, ...], changed: Callable[[], None]) -> None:
        self._changed = changed
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _NETLINK_ROUTE
        )
        self._socket.bind((0, 0))
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        while True:
            try:
                self._socket.recv(_RECEIVE_SIZE)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
        self._changed()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

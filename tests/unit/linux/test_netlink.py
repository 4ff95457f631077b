"""The netlink codec against the kernel and against pyroute2, an implementation of its own."""

from __future__ import annotations

import ipaddress
import os
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.linux import netlink as nl
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.linux.netlink_socket import RouteSocket

root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=300), max_size=8))
def test_attributes_round_trip(values: dict[int, bytes]) -> None:
    encoded = b"".join(nl.attribute(number, value) for number, value in values.items())
    assert len(encoded) % 4 == 0
    assert {number: bytes(value) for number, value in nl.attributes(memoryview(encoded))} == values


@given(st.binary(max_size=400))
def test_any_bytes_decode_without_running_away(data: bytes) -> None:
    assert sum(len(value) for _, value in nl.attributes(memoryview(data))) <= len(data)
    assert sum(len(msg.payload) for msg in nl.messages(data)) <= len(data)


@given(
    st.builds(
        nl.Address,
        index=st.integers(1, 2**31 - 1),
        interface=st.one_of(
            st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
        ).map(ipaddress.ip_interface),
        scope=st.sampled_from([0, 253, 254]),
        flags=st.integers(1, 0xFFF),
        priority=st.integers(0, 2**31),
    )
)
def test_address_round_trip(address: nl.Address) -> None:
    assert nl.decode_address(memoryview(nl.encode_address(address))) == address


@given(
    st.builds(
        nl.Route,
        family=st.just(nl.AF_INET),
        destination=st.none() | st.tuples(st.ip_addresses(v=4), st.integers(1, 32)).map(
            lambda value: ipaddress.ip_network(value, strict=False)
        ),
        gateway=st.none() | st.ip_addresses(v=4),
        source=st.none() | st.ip_addresses(v=4),
        index=st.integers(1, 2**31 - 1),
        priority=st.integers(0, 2**31),
        table=st.integers(1, 2**31),
        mtu=st.integers(0, 65535),
    )
)
def test_route_round_trip(route: nl.Route) -> None:
    assert nl.decode_route(memoryview(nl.encode_route(route))) == route


@pytest.fixture
def namespace() -> Iterator[int]:
    fd = new_network_namespace()
    yield fd
    os.close(fd)


def inside(namespace: int) -> RouteSocket:
    with network_namespace(namespace):
        return RouteSocket()


@root
def test_what_is_made_reads_back(namespace: int) -> None:
    with inside(namespace) as sock:
        sock.link_add("br0", "bridge", mtu=1400)
        bridge = sock.link("br0")
        assert bridge is not None
        assert (bridge.kind, bridge.mtu, bridge.up) == ("bridge", 1400, False)
        sock.link_set(bridge.index, up=True)
        broadcast = ipaddress.ip_address("10.9.0.255")
        address = nl.Address(bridge.index, ipaddress.ip_interface("10.9.0.2/24"), broadcast=broadcast)
        sock.address_add(address)
        sock.address_add(address)  # a second time is no error
        assert "10.9.0.2/24" in [str(item.interface) for item in sock.addresses()]
        route = nl.Route(nl.AF_INET, gateway=ipaddress.ip_address("10.9.0.1"), index=bridge.index, priority=7)
        sock.route_add(route)
        found = [item for item in sock.routes() if item.destination is None and item.family == nl.AF_INET]
        assert [(item.gateway, item.priority, item.index) for item in found] == [(route.gateway, 7, bridge.index)]
        sock.route_delete(route)
        assert not [item for item in sock.routes() if item.destination is None and item.family == nl.AF_INET]
        sock.address_delete(address)
        sock.link_delete(bridge.index)
        assert [link.name for link in sock.links()] == ["lo"]


@root
def test_error_names_the_request(namespace: int) -> None:
    with inside(namespace) as sock, pytest.raises(nl.NetlinkError, match="create nonsense link x"):
        sock.link_add("x", "nonsense")


@root
def test_veth_pair_joins_two_namespaces(namespace: int) -> None:
    other = new_network_namespace()
    try:
        with inside(namespace) as here, inside(other) as there:
            here.link_add("br0", "bridge")
            bridge = here.link("br0")
            assert bridge is not None
            here.veth_add("v0", "eth0", peer_namespace=other, mtu=1300, master=bridge.index)
            outer, inner = here.link("v0"), there.link("eth0")
            assert outer is not None
            assert inner is not None
            assert (outer.master, outer.slave_kind, outer.mtu, inner.mtu) == (bridge.index, "bridge", 1300, 1300)
            assert outer.link == inner.index
    finally:
        os.close(other)


@root
def test_dumps_agree_with_pyroute2(namespace: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyroute2 import IPRoute
    with network_namespace(namespace):
        oracle = IPRoute()
        sock = RouteSocket()
    try:
        with sock:
            sock.link_set(1, up=True)
            sock.link_add("br0", "bridge", mtu=1450)
            bridge = sock.link("br0")
            assert bridge is not None
            sock.link_set(bridge.index, up=True)
            sock.address_add(nl.Address(bridge.index, ipaddress.ip_interface("10.9.0.2/24")))
            sock.address_add(nl.Address(bridge.index, ipaddress.ip_interface("fd00::2/64"), flags=2))
            links = {
                i["index"]: (i.get_attr("IFLA_IFNAME"), i.get_attr("IFLA_MTU"), i["flags"], i["ifi_type"])
                for i in oracle.get_links()
            }
            assert {i.index: (i.name, i.mtu, i.flags, i.arp_type) for i in sock.links()} == links
            addresses = {
                (item["index"], f"{item.get_attr('IFA_LOCAL') or item.get_attr('IFA_ADDRESS')}/{item['prefixlen']}",
                 item["scope"])
                for item in oracle.get_addr()
            }  # fmt: skip
            assert {(i.index, str(i.interface), i.scope) for i in sock.addresses()} == addresses
            routes = {
                (item["family"], item.get_attr("RTA_DST"), item["dst_len"], item.get_attr("RTA_OIF"),
                 item.get_attr("RTA_TABLE"), item["type"], item["proto"])
                for item in oracle.get_routes()
            }  # fmt: skip
            ours = {
                (i.family, str(i.destination.network_address) if i.destination else None,
                 i.destination.prefixlen if i.destination else 0, i.index, i.table, i.kind, i.protocol)
                for i in sock.routes()
            }  # fmt: skip
            assert ours == routes
    finally:
        oracle.close()

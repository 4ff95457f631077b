"""The functions in the middle of the network controllers."""

from __future__ import annotations

from pathlib import Path

import pytest

from talos.config.view.model import Address, Link, Route
from talos.controllers.network import etc_file, node_address, route_status, service_network
from talos.controllers.network.address_config import address_specs
from talos.controllers.network.hostname_config import address_name, split, stable_name
from talos.controllers.network.layers import merge
from talos.controllers.network.link_config import link_specs
from talos.controllers.network.resolver_merge import ResolverMergeController
from talos.controllers.network.route_config import route_specs
from talos.platforms import container
from talos.resources.enums import AddressFlag, ConfigLayer, Family, RoutingTable, Scope
from talos.resources.network import (
    AddressStatusSpec,
    HostnameSpecSpec,
    NameServerSpec,
    NodeAddressFilterSpec,
    ResolverSpecSpec,
    RouteStatusSpec,
)


def status(address: str, **more: object) -> AddressStatusSpec:
    return AddressStatusSpec(address=address, family=Family.INET4, **more)  # type: ignore[arg-type]


def test_usable_addresses_are_sorted_as_numbers_and_without_local_ones() -> None:
    found = node_address.usable(
        [
            status("10.244.0.1/24"),
            status("10.77.0.2/24"),
            status("127.0.0.1/8", scope=Scope.HOST),
            status("169.254.116.108/32"),
            status("fe80::1/64", scope=Scope.LINK),
            status("fd00::2/64"),
            status("10.9.0.1/24", flags=AddressFlag.TENTATIVE),
        ]
    )
    assert found == ["10.77.0.2/24", "10.244.0.1/24", "fd00::2/64"]


def test_filters() -> None:
    addresses = ["10.77.0.2/24", "10.244.0.1/24", "10.96.0.1/32"]
    kubernetes = ["10.244.0.0/16", "10.96.0.0/12"]
    assert node_address.apply_filter(addresses, NodeAddressFilterSpec(exclude_subnets=kubernetes)) == addresses[:1]
    assert node_address.apply_filter(addresses, NodeAddressFilterSpec(include_subnets=kubernetes)) == addresses[1:]
    assert node_address.apply_filter(addresses, NodeAddressFilterSpec()) == addresses


def test_default_address_stays_while_it_is_there() -> None:
    assert node_address.default_address(["10.1.0.1/24", "10.5.0.2/24"], []) == ["10.1.0.1/24"]
    assert node_address.default_address(["10.1.0.1/24", "10.5.0.2/24"], ["10.5.0.2/24"]) == ["10.5.0.2/24"]
    assert node_address.default_address(["10.1.0.1/24"], ["10.5.0.2/24"]) == ["10.1.0.1/24"]
    assert node_address.default_address([], ["10.5.0.2/24"]) == []


def test_highest_layer_wins_whatever_the_order() -> None:
    specs = [
        (f"{layer.text}/hostname", HostnameSpecSpec(hostname=layer.text, layer=layer))
        for layer in (ConfigLayer.MACHINE_CONFIGURATION, ConfigLayer.DEFAULT, ConfigLayer.PLATFORM)
    ]
    for order in (specs, specs[::-1]):
        assert merge(order)["hostname"].hostname == "configuration"


def test_search_domains_complete_the_platforms_resolvers() -> None:
    platform = ResolverSpecSpec(
        dns_servers=["10.0.0.1"], name_servers=[NameServerSpec(addr="10.0.0.1")], layer=ConfigLayer.PLATFORM
    )
    domains = ResolverSpecSpec(search_domains=["example.org"], layer=ConfigLayer.MACHINE_CONFIGURATION)
    layers = [("platform/resolvers", platform), ("configuration/resolvers", domains)]
    merged = merge(layers, ResolverMergeController.combine)
    found = merged["resolvers"]
    assert isinstance(found, ResolverSpecSpec)
    assert (found.dns_servers, found.search_domains) == (["10.0.0.1"], ["example.org"])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            RouteStatusSpec(family=Family.INET4, dst="10.244.0.0/24", table=RoutingTable.TABLE_MAIN),
            "inet4//10.244.0.0/24/0",
        ),
        (
            RouteStatusSpec(family=Family.INET4, gateway="10.77.0.1", table=RoutingTable.TABLE_MAIN),
            "inet4/10.77.0.1//0",
        ),
        (
            RouteStatusSpec(
                family=Family.INET6, dst="fe80::/64", out_link_name="eth0", priority=256, table=RoutingTable.TABLE_MAIN
            ),
            "eth0/inet6//fe80::/64/256",
        ),
        (
            RouteStatusSpec(family=Family.INET6, dst="::1/128", out_link_name="lo", table=RoutingTable.TABLE_LOCAL),
            "local/lo/inet6//::1/128/0",
        ),
    ],
)
def test_route_ids_are_those_of_a_genuine_node(spec: RouteStatusSpec, expected: str) -> None:
    assert route_status.route_id(spec) == expected


def test_hosts_file_is_that_of_a_genuine_node() -> None:
    assert etc_file.hosts("talos1", "", ["10.77.0.2"], []) == (
        "127.0.0.1 localhost\n"
        "10.77.0.2 talos1\n"
        "::1       localhost ip6-localhost ip6-loopback\n"
        "ff02::1   ip6-allnodes\n"
        "ff02::2   ip6-allrouters\n"
    )


def test_hosts_file_with_domain_and_configured_hosts() -> None:
    text = etc_file.hosts("n1", "example.org", ["10.5.0.2", "10.9.0.2"], [("10.1.1.1", ("a", "b"))])
    assert "10.5.0.2 n1.example.org n1\n" in text
    assert text.endswith("10.1.1.1 a b\n")


def test_resolv_conf_names_three_servers_at_most() -> None:
    text = etc_file.resolv_conf(["1", "2", "3", "4"], ["x.org"])
    assert text == "nameserver 1\nnameserver 2\nnameserver 3\nsearch x.org\n"


def test_own_resolvers_are_not_taken_for_the_platforms(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 169.254.116.108\nnameserver 127.0.0.53\nnameserver 10.0.0.1\n# nameserver 9.9.9.9\n")
    assert container.nameservers(file) == ["10.0.0.1"]
    assert container.nameservers(tmp_path / "absent") == []


def test_names() -> None:
    assert stable_name("abc") == stable_name("abc") != stable_name("abd")
    assert address_name("10.5.0.2/24") == "talos-10-5-0-2"
    spec = split("n1.example.org", ConfigLayer.PLATFORM)
    assert (spec.hostname, spec.domainname) == ("n1", "example.org")


def test_configured_link_becomes_specs() -> None:
    link = Link(
        "eth1", mtu=1400, addresses=(Address("192.168.5.7/24"), Address("fd00::7/64", 5)),
        routes=(Route("0.0.0.0/0", "192.168.5.1"), Route("10.0.0.0/8", metric=50)),
    )  # fmt: skip
    assert link_specs((link,))["eth1"].mtu == 1400
    addresses = address_specs(link)
    assert sorted(addresses) == ["eth1/192.168.5.7/24", "eth1/fd00::7/64"]
    assert addresses["eth1/fd00::7/64"].priority == 5
    routes = route_specs(link)
    assert sorted(routes) == ["eth1/inet4//10.0.0.0/8/50", "eth1/inet4/192.168.5.1//1024"]
    assert routes["eth1/inet4//10.0.0.0/8/50"].scope is Scope.LINK


def test_ports_of_a_bridge_are_links_too() -> None:
    specs = link_specs((Link("br0", kind="bridge", ports=("eth1",)),))
    assert specs["br0"].logical
    slave = specs["eth1"].bridge_slave
    assert slave is not None
    assert (slave.master_name, specs["eth1"].logical) == ("br0", False)


def test_service_rules_replace_themselves() -> None:
    text = service_network.ruleset(["10.96.0.0/12", "fd96::/112"])
    assert text.count("flush chain") == 2
    assert "ip daddr 10.96.0.0/12 tcp dport 0-65535 reject with tcp reset" in text
    assert "ip6 daddr fd96::/112 reject" in text

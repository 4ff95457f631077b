from __future__ import annotations

from ipaddress import IPv4Network as N
from ipaddress import IPv6Network as N6

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.config.generate.input import POD_SUBNETS, SERVICE_SUBNETS
from talos.provision.model import ProvisionError
from talos.provision.subnet import RESERVED, Network, choose, ipv6_of, parse, parse_any

SUBNETS = st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 29)).map(lambda pair: N(pair, strict=False))
"""of nodes; an IPv4Network takes number and prefix length"""


def test_default_when_free() -> None:
    assert choose(None, [N("192.168.1.0/24")], 3) == [N("10.5.0.0/24")]


def test_next_free_when_default_is_taken() -> None:
    assert choose(None, [N("10.5.0.0/24"), N("10.6.0.0/16")], 3) == [N("10.7.0.0/24")]


def test_default_route_covers_nothing() -> None:
    assert choose(None, [N("0.0.0.0/0")], 3) == [N("10.5.0.0/24")]


def test_subnets_of_kubernetes_are_never_chosen() -> None:
    taken: list[N] = []
    for _ in range(200):
        (found,) = choose(None, taken, 1)
        assert isinstance(found, N)
        assert not any(found.overlaps(reserved) for reserved in RESERVED)
        taken.append(found)


def test_explicit_subnet_in_use_is_refused() -> None:
    with pytest.raises(ProvisionError, match=r"no free subnet.*--subnet 10.5.0.0/24 overlaps with 10.0.0.0/8"):
        choose(N("10.5.0.0/24"), [N("10.0.0.0/8")], 3)


def test_nothing_left_is_refused() -> None:
    with pytest.raises(ProvisionError, match="no free subnet"):
        choose(None, [N("10.0.0.0/8")], 3)


def test_too_small_subnet_is_refused() -> None:
    with pytest.raises(ProvisionError, match=r"room for 1 nodes, 3 are wanted"):
        choose(N("10.5.0.0/30"), [], 3)


@pytest.mark.parametrize("text", ["10.5.0.0/33", "hello", "fd00::/64", ""])
def test_what_is_no_ipv4_subnet_names_the_flag(text: str) -> None:
    with pytest.raises(ProvisionError, match="--cidr"):
        parse(text, "--cidr")


def test_the_prefix_of_ipv6_follows_from_the_ipv4_subnet() -> None:
    assert ipv6_of(N("10.5.0.0/24")) == N6("fd74:616c:a05::/64")
    assert ipv6_of(N("172.20.31.128/25")) == N6("fd74:616c:ac14:1f80::/64")


@given(SUBNETS)
def test_every_prefix_is_one_link_of_local_addresses_beside_kubernetes_own(subnet: N) -> None:
    prefix = ipv6_of(subnet)
    assert prefix.prefixlen == 64 and prefix.subnet_of(N6("fd74:616c::/32"))
    assert int(prefix.network_address) >> 64 & 0xFFFFFFFF == int(subnet.network_address), "tells the subnet"
    assert not any(prefix.overlaps(N6(taken)) for taken in (POD_SUBNETS[6], SERVICE_SUBNETS[6], "fd54:616c:6f73::/48"))


@given(SUBNETS, SUBNETS)
def test_subnets_that_do_not_overlap_have_different_prefixes(one: N, other: N) -> None:
    assert one.overlaps(other) or not ipv6_of(one).overlaps(ipv6_of(other))


@given(st.lists(SUBNETS, max_size=6), st.lists(SUBNETS.map(ipv6_of), max_size=6), st.booleans())
def test_what_is_chosen_is_free_in_each_family_that_is_used(four: list[N], six: list[N6], dual: bool) -> None:
    taken: list[Network] = [*four, *six]
    try:
        found = choose(None, taken, 3, ipv4=dual, ipv6=True)
    except ProvisionError:
        assert any(network.prefixlen <= 8 for network in four) and dual
        return
    assert [network.version for network in found] == ([4, 6] if dual else [6])
    for network in found:
        assert not any(network.version == used.version and network.overlaps(used) for used in taken)


def test_a_cluster_of_ipv6_alone_needs_no_free_ipv4_subnet() -> None:
    taken: list[Network] = [N("10.0.0.0/8"), N6("fd74:616c:a05::/64")]
    assert choose(None, taken, 3, ipv4=False, ipv6=True) == [N6("fd74:616c:a06::/64")]
    assert choose(N("10.5.0.0/30"), [N("10.5.0.0/30")], 9, ipv4=False, ipv6=True) == [N6("fd74:616c:a05::/64")]


def test_a_prefix_in_use_is_named() -> None:
    with pytest.raises(ProvisionError, match=r"--cidr 10.5.0.0/24 overlaps with fd74:616c:a05::/64"):
        choose(N("10.5.0.0/24"), [N6("fd74:616c:a05::/64")], 3, "--cidr", ipv6=True)


def test_networks_that_see_the_nodes_may_be_of_either_family() -> None:
    assert parse_any("2001:db8::1/32", "--no-masquerade-cidrs") == N6("2001:db8::/32")
    with pytest.raises(ProvisionError, match="--no-masquerade-cidrs"):
        parse_any("2001:db8::/129", "--no-masquerade-cidrs")

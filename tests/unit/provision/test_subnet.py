from __future__ import annotations

import ipaddress

import pytest

from talos.provision.model import ProvisionError
from talos.provision.subnet import RESERVED, choose, parse

N = ipaddress.IPv4Network


def test_default_when_free() -> None:
    assert choose(None, [N("192.168.1.0/24")], 3) == N("10.5.0.0/24")


def test_next_free_when_default_is_taken() -> None:
    assert choose(None, [N("10.5.0.0/24"), N("10.6.0.0/16")], 3) == N("10.7.0.0/24")


def test_default_route_covers_nothing() -> None:
    assert choose(None, [N("0.0.0.0/0")], 3) == N("10.5.0.0/24")


def test_subnets_of_kubernetes_are_never_chosen() -> None:
    taken: list[ipaddress.IPv4Network] = []
    for _ in range(200):
        found = choose(None, taken, 1)
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

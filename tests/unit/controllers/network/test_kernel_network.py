"""Network by kernel arguments: what they become, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.controllers.network import kernel_network
from talos.controllers.network.cmdline_config import by_id
from talos.controllers.network.kernel_network import KernelNetwork
from talos.environment import NodeEnvironment
from talos.kernel_arguments import KernelArguments
from talos.resources.enums import BondMode, ConfigLayer, LinkType, Operator
from talos.resources.network import LinkStatusSpec

HARDWARE = [
    (name, LinkStatusSpec(index=index, type=LinkType.ETHER, hardware_addr=f"02:00:00:00:00:0{index}"))
    for index, name in enumerate(("eth0", "eth1"), 1)
]


def parse(text: str) -> KernelNetwork:
    return kernel_network.parse(KernelArguments(text), HARDWARE)


def test_every_field_of_ip() -> None:
    found = parse("ip=10.0.2.15::10.0.2.2:255.255.255.0:node-1.example.org:eth1:off:10.0.2.3:10.0.2.4:192.0.2.9")
    assert [(one.address, one.link_name, one.layer) for one in found.addresses] == [
        ("10.0.2.15/24", "eth1", ConfigLayer.CMDLINE)
    ]
    assert [(one.gateway, one.dst, one.out_link_name) for one in found.routes] == [("10.0.2.2", "", "eth1")]
    assert found.hostname is not None
    assert (found.hostname.hostname, found.hostname.domainname) == ("node-1", "example.org")
    assert found.resolvers is not None
    assert found.resolvers.dns_servers == ["10.0.2.3", "10.0.2.4"]
    assert found.time_servers is not None
    assert found.time_servers.time_servers == ["192.0.2.9"]
    assert (found.named, found.errors) == ({"eth1"}, [])


def test_ipv6_in_brackets_and_a_link_by_its_address() -> None:
    found = parse("ip=[2001:db8::5]::[2001:db8::1]:64::enx020000000002:off")
    assert [(one.address, one.link_name) for one in found.addresses] == [("2001:db8::5/64", "eth1")]
    assert [one.gateway for one in found.routes] == ["2001:db8::1"]


@pytest.mark.parametrize(
    ("text", "link"), [("ip=dhcp", "eth0"), ("ip=eth1:dhcp", "eth1"), ("ip=:::::eth1:dhcp", "eth1"), ("ip=on", "eth0")]
)
def test_dhcp(text: str, link: str) -> None:
    found = parse(text)
    assert [(one.link_name, one.operator) for one in found.operators] == [(link, Operator.DHCP4)]
    assert found.addresses == []


def test_without_a_device_the_first_hardware_is_meant() -> None:
    assert parse("ip=10.0.0.5::10.0.0.1:255.0.0.0").addresses[0].link_name == "eth0"
    assert kernel_network.parse(KernelArguments("ip=10.0.0.5::10.0.0.1:255.0.0.0"), []).addresses == []


def test_vlan_bond_and_bridge() -> None:
    found = parse("vlan=eth1.0205:eth1 bond=bond1:eth0,eth1:mode=802.3ad,miimon=100:9000 bridge=br0:bond1")
    links = {link.name: link for link in found.links}
    vlan = links["eth1.0205"]
    assert vlan.vlan is not None
    assert (vlan.kind, vlan.parent_name, vlan.vlan.vlan_id, vlan.logical) == ("vlan", "eth1", 205, True)
    bond = links["bond1"]
    assert bond.bond_master is not None
    assert (bond.bond_master.mode, bond.bond_master.miimon, bond.mtu) == (BondMode.parse("802.3ad"), 100, 9000)
    assert bond.bridge_slave is not None
    assert [(links[name].master_name, links[name].slave_index) for name in ("eth0", "eth1")] == [
        ("bond1", 0), ("bond1", 1),
    ]  # fmt: skip


def test_the_name_given_for_itself_wins_and_links_can_be_left_alone() -> None:
    found = parse("ip=10.0.0.5::::low talos.hostname=high talos.network.interface.ignore=eth1")
    assert found.hostname is not None
    assert found.hostname.hostname == "high"
    assert found.named == {"eth0", "eth1"}


@pytest.mark.parametrize(
    "text",
    ["ip=10.0.0.300", "ip=10.0.0.1::10.0.0", "ip=10.0.0.1:::255.0.255.0", "ip=[::1", "ip=:::::eth0:maybe",
     "vlan=x:eth0", "vlan=eth0.5", "vlan=eth0.4095:eth0", "bond=b:eth0:mode=best", "bond=b:eth0:colour=red",
     "bond=b:eth0::big"],
)  # fmt: skip
def test_what_makes_no_sense_is_reported_and_left_out(text: str) -> None:
    found = parse(f"{text} ip=10.0.0.9:::255.0.0.0::eth1")
    assert len(found.errors) == 1
    assert text.partition("=")[2] in found.errors[0]
    assert [one.address for one in found.addresses] == ["10.0.0.9/8"]


@given(st.lists(st.tuples(st.sampled_from(["ip", "vlan", "bond", "bridge"]), st.text(max_size=40)), max_size=4))
def test_any_text_is_understood_or_reported(words: list[tuple[str, str]]) -> None:
    found = parse(" ".join(f'{name}="{value}"' for name, value in words))
    for kind, specs in by_id(found).items():
        assert all(isinstance(spec, kind) for spec in specs.values())


def test_environment_of_programs() -> None:
    text = 'talos.environment=http_proxy=http://p:3128/?a=b talos.environment="no_proxy=a b" talos.environment=broken'
    env = NodeEnvironment(platform="metal", arguments=KernelArguments(text))
    assert env.program_environment == {"http_proxy": "http://p:3128/?a=b", "no_proxy": "a b"}


def test_words_of_the_command_line() -> None:
    arguments = KernelArguments('quiet a=1 a-b="two words" a_b=3 x= -- ip=dhcp')
    assert arguments.values("a-b") == ["two words", "3"]
    assert (arguments.last("a_b"), arguments.has("quiet"), arguments.has("x")) == ("3", True, True)
    assert not arguments.has("ip")

"""Links of every kind: what the kernel is told, as pyroute2 reads it; and links chosen by what they are."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from talos.config import Config
from talos.config.view.model import Link
from talos.controllers.network import selectors
from talos.controllers.network.bond_options import options
from talos.controllers.network.link_config import link_specs
from talos.controllers.network.link_kinds import info_data
from talos.linux import netlink as nl
from talos.resources.enums import BondMode, LinkType
from talos.resources.network import LinkSpecSpec, LinkStatusSpec

HARDWARE = [
    ("eth0", LinkStatusSpec(index=1, type=LinkType.ETHER, hardware_addr="02:00:00:00:00:01", driver="virtio_net",
                            bus_path="0000:00:03.0", pci_id="1AF4:1000")),
    ("eth1", LinkStatusSpec(index=2, type=LinkType.ETHER, hardware_addr="02:00:00:00:00:02", driver="igb",
                            bus_path="0000:05:00.0", pci_id="8086:1521", permanent_addr="0a:00:00:00:00:02")),
]  # fmt: skip


def told(spec: LinkSpecSpec) -> dict[str, Any]:
    """The options of a request to make the link, as pyroute2 reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    info = nl.attribute(nl.IFLA_INFO_KIND, spec.kind.encode())
    info += nl.attribute(nl.IFLA_INFO_DATA | nl.NLA_F_NESTED, info_data(spec, {"eth1": 7}.get))  # type: ignore[arg-type]
    payload = nl.encode_link(attrs=nl.attribute(nl.IFLA_LINKINFO | nl.NLA_F_NESTED, info))
    message = ifinfmsg(nl.message(nl.RTM_NEWLINK, 0, 1, payload))
    message.decode()
    data = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    return {name.rpartition("IFLA_")[2]: value for name, value in data["attrs"]}


def specs(text: str) -> dict[str, LinkSpecSpec]:
    return link_specs(Config.decode(text).network.links)


BOND = """\
apiVersion: v1alpha1
kind: BondConfig
name: bond0
links: [eth0, eth1]
bondMode: 802.3ad
xmitHashPolicy: layer3+4
lacpRate: fast
miimon: 50
updelay: 200
adActorSysPrio: 12345
minLinks: 1
resendIGMP: 2
missedMax: 3
"""


# Newer options (missed_max, lacp_active) are none that this version of pyroute2 knows.
_KNOWN = frozenset(
    f"BOND_{name}"
    for name in ("MODE", "MIIMON", "UPDELAY", "DOWNDELAY", "XMIT_HASH_POLICY", "RESEND_IGMP", "MIN_LINKS",
                 "AD_LACP_RATE", "AD_ACTOR_SYS_PRIO", "ARP_INTERVAL", "USE_CARRIER", "FAIL_OVER_MAC")
)  # fmt: skip


def test_bond() -> None:
    found = specs(BOND)
    assert [(found[port].master_name, found[port].slave_index) for port in ("eth0", "eth1")] == [
        ("bond0", 0), ("bond0", 1),
    ]  # fmt: skip
    data = told(found["bond0"])
    assert {name: value for name, value in data.items() if name in _KNOWN} == {
        "BOND_MODE": 4, "BOND_MIIMON": 50, "BOND_UPDELAY": 200, "BOND_XMIT_HASH_POLICY": 1, "BOND_RESEND_IGMP": 2,
        "BOND_MIN_LINKS": 1, "BOND_AD_LACP_RATE": 1, "BOND_AD_ACTOR_SYS_PRIO": 12345,
    }  # fmt: skip


def test_bond_with_arp_monitoring_and_a_primary() -> None:
    given = {"bondMode": "active-backup", "arpInterval": 100, "arpIpTargets": ["10.0.0.1", "10.0.0.2"],
             "primary": "eth1", "adActorSystem": "02:00:00:00:00:09"}  # fmt: skip
    spec, unknown = options(Link("b", "bond", bond=given))
    assert unknown == ["adActorSystem"]
    data = told(LinkSpecSpec(name="b", kind="bond", bond_master=spec))
    assert (data["BOND_MODE"], data["BOND_ARP_INTERVAL"], data["BOND_PRIMARY"]) == (1, 100, 7)
    assert "BOND_MIIMON" not in data
    listed = str(data["BOND_ARP_IP_TARGET"])
    assert "10.0.0.1" in listed
    assert "10.0.0.2" in listed


def test_a_bond_notices_dead_links_unless_told_how() -> None:
    spec, _unknown = options(Link("b", "bond", bond={"bondMode": "balance-rr"}))
    assert told(LinkSpecSpec(name="b", kind="bond", bond_master=spec)) == {
        "BOND_MODE": 0, "BOND_MIIMON": 100,
    }  # fmt: skip


@pytest.mark.parametrize(("mode", "protocol"), [("802.1q", 0x8100), ("802.1ad", 0x88A8)])
def test_vlan(mode: str, protocol: int) -> None:
    text = f"apiVersion: v1alpha1\nkind: VLANConfig\nname: eth0.7\nvlanID: 7\nvlanMode: {mode}\nparent: eth0\n"
    found = specs(text)["eth0.7"]
    assert found.parent_name == "eth0"
    assert told(found) == {"VLAN_ID": 7, "VLAN_PROTOCOL": protocol}


def test_bridge_with_vlan_filtering() -> None:
    text = "apiVersion: v1alpha1\nkind: BridgeConfig\nname: br0\nlinks: [eth1]\nvlan: {filtering: true}\n"
    assert told(specs(text)["br0"]) == {"BR_STP_STATE": 0, "BR_VLAN_FILTERING": 1}


def test_vrf() -> None:
    text = "apiVersion: v1alpha1\nkind: VRFConfig\nname: vrf0\nlinks: [eth1]\ntable: 123\n"
    assert told(specs(text)["vrf0"]) == {"VRF_TABLE": 123}


def test_every_mode_of_the_configuration_is_a_mode_of_the_driver() -> None:
    modes = ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"]
    assert [int(BondMode.parse(mode)) for mode in modes] == list(range(7))


LEGACY = """\
version: v1alpha1
machine:
  type: worker
  network:
    interfaces:
    - deviceSelector: SELECTOR
      dhcp: true
      mtu: 9000
      vlans: [{vlanId: 5, addresses: [10.5.0.5/24]}]
cluster: {controlPlane: {endpoint: "https://c"}}
"""


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("{driver: igb}", ["eth1"]),
        ("{busPath: '0000:05:*'}", ["eth1"]),
        ("{hardwareAddr: '02:00:00:00:00:*'}", ["eth0", "eth1"]),
        ("{permanentAddr: '0A:00:00:00:00:02'}", ["eth1"]),
        ("{pciID: '1af4:*', physical: true}", ["eth0"]),
        ("{driver: virtio_net, hardwareAddr: '02:00:00:00:00:02'}", []),
    ],
)
def test_links_by_what_they_are(selector: str, names: list[str]) -> None:
    config = Config.decode(LEGACY.replace("SELECTOR", selector))
    links = selectors.resolved(config.network.links, HARDWARE)
    expected = [*names, *(f"{name}.5" for name in names[:1])]
    assert [link.name for link in links] == expected
    assert [link.parent for link in links if link.kind == "vlan"] == names[:1]
    client = config.network.dhcp[0]
    assert selectors.chosen(client.selector, HARDWARE) == names

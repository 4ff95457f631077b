"""LinkSpec: resource type LinkSpecs.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import ConfigLayer, LinkType
from talos.resources.network.bond_master import BondMasterSpec
from talos.resources.network.bridge_master import BridgeMasterSpec
from talos.resources.network.bridge_slave import BridgeSlave
from talos.resources.network.veth import VethSpec
from talos.resources.network.vlan import VLANSpec
from talos.resources.network.vrf_master import VRFMasterSpec
from talos.resources.network.vrf_slave import VRFSlave
from talos.resources.network.wireguard import WireguardSpec
from talos.state.spec import Spec, resource


@resource(
    type="LinkSpecs.net.talos.dev",
    namespace="network",
    display="LinkSpec",
    aliases=("linkspec", "ls"),
    all_aliases=("linkspecs", "linkspecs.net", "linkspecs.net.talos"),
    proto="talos.resource.definitions.network.LinkSpecSpec",
    sensitive=True,
    omit_empty=(
        "hardware_addr",
        "parent_name",
        "master_name",
        "slave_index",
        "bridge_slave",
        "vrf_slave",
        "vlan",
        "bond_master",
        "bridge_master",
        "vrf_master",
        "wireguard",
        "veth",
        "multicast",
    ),
    forms={"hardware_addr": "hardware_addr"},
    proto_names={
        "hardware_addr": "hardware_address",
        "master_name": "bond_slave.master_name",
        "slave_index": "bond_slave.slave_index",
        "layer": "config_layer",
    },
)
class LinkSpecSpec(Spec):
    """Spec of LinkSpecs.net.talos.dev."""

    name: str = ""
    logical: bool = False
    up: bool = False
    mtu: int = 0
    kind: str = ""
    type: LinkType = LinkType.NETROM
    hardware_addr: str = ""
    parent_name: str = ""
    master_name: str = ""
    slave_index: int = 0
    bridge_slave: BridgeSlave | None = None
    vrf_slave: VRFSlave | None = None
    vlan: VLANSpec | None = None
    bond_master: BondMasterSpec | None = None
    bridge_master: BridgeMasterSpec | None = None
    vrf_master: VRFMasterSpec | None = None
    wireguard: WireguardSpec | None = None
    veth: VethSpec | None = None
    layer: ConfigLayer = ConfigLayer.DEFAULT
    multicast: bool = False

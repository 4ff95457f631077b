"""LinkStatus: resource type LinkStatuses.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import Duplex, LinkFlag, LinkType, OperationalState, Port
from talos.resources.network.bond_master import BondMasterSpec
from talos.resources.network.bridge_master import BridgeMasterSpec
from talos.resources.network.veth import VethSpec
from talos.resources.network.vlan import VLANSpec
from talos.resources.network.vrf_master import VRFMasterSpec
from talos.resources.network.wireguard import WireguardSpec
from talos.state.spec import Spec, resource


@resource(
    type="LinkStatuses.net.talos.dev",
    namespace="network",
    display="LinkStatus",
    aliases=("link", "links", "linkstatus", "ls"),
    all_aliases=("linkstatuses", "linkstatuses.net", "linkstatuses.net.talos"),
    columns=(
        ("Alias", "{.alias}"),
        ("Type", "{.type}"),
        ("Kind", "{.kind}"),
        ("Hw Addr", "{.hardwareAddr}"),
        ("Oper State", "{.operationalState}"),
        ("Link State", "{.linkState}"),
    ),
    proto="talos.resource.definitions.network.LinkStatusSpec",
    omit_empty=(
        "alias",
        "alt_names",
        "master_index",
        "bus_path",
        "pci_id",
        "driver",
        "driver_version",
        "firmware_version",
        "product_id",
        "vendor_id",
        "product",
        "vendor",
        "speed_mbit",
        "vlan",
        "bridge_master",
        "bond_master",
        "vrf_master",
        "wireguard",
        "veth",
    ),
    forms={"hardware_addr": "hardware_addr", "permanent_addr": "hardware_addr", "broadcast_addr": "hardware_addr"},
    proto_names={"speed_mbit": "speed_megabits"},
)
class LinkStatusSpec(Spec):
    """Spec of LinkStatuses.net.talos.dev."""

    alias: str = ""
    alt_names: list[str] = []
    index: int = 0
    type: LinkType = LinkType.NETROM
    link_index: int = 0
    flags: LinkFlag = LinkFlag(0)
    hardware_addr: str = ""
    permanent_addr: str = ""
    broadcast_addr: str = ""
    mtu: int = 0
    queue_disc: str = ""
    master_index: int = 0
    operational_state: OperationalState = OperationalState.UNKNOWN
    kind: str = ""
    slave_kind: str = ""
    bus_path: str = ""
    pci_id: str = msgspec.field(default="", name="pciID")
    driver: str = ""
    driver_version: str = ""
    firmware_version: str = ""
    product_id: str = msgspec.field(default="", name="productID")
    vendor_id: str = msgspec.field(default="", name="vendorID")
    product: str = ""
    vendor: str = ""
    link_state: bool = False
    speed_mbit: int = 0
    port: Port = Port.TWISTED_PAIR
    duplex: Duplex = Duplex.HALF
    vlan: VLANSpec | None = None
    bridge_master: BridgeMasterSpec | None = None
    bond_master: BondMasterSpec | None = None
    vrf_master: VRFMasterSpec | None = None
    wireguard: WireguardSpec | None = None
    veth: VethSpec | None = None

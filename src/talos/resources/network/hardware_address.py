"""HardwareAddress: resource type HardwareAddresses.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="HardwareAddresses.net.talos.dev",
    namespace="network",
    display="HardwareAddress",
    aliases=("hardwareaddress", "ha", "has"),
    all_aliases=("hardwareaddresses", "hardwareaddresses.net", "hardwareaddresses.net.talos"),
    proto="talos.resource.definitions.network.HardwareAddrSpec",
    forms={"hardware_addr": "hardware_addr"},
)
class HardwareAddrSpec(Spec):
    """Spec of HardwareAddresses.net.talos.dev."""

    name: str = ""
    hardware_addr: str = ""

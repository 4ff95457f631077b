"""The address that the holder of a VIP operator has on its link."""

from __future__ import annotations

import ipaddress

from talos.resources.enums import AddressFlag, ConfigLayer, Family, Scope
from talos.resources.network import AddressSpecSpec, OperatorSpecSpec


def shared_address(operator: OperatorSpecSpec) -> AddressSpecSpec:
    """Alone in its subnet: the route to it is the one to its link's other addresses."""
    assert operator.vip is not None
    ip = ipaddress.ip_address(operator.vip.ip)
    four = ip.version == 4
    return AddressSpecSpec(
        address=f"{ip}/{ip.max_prefixlen}",
        link_name=operator.link_name,
        family=Family.INET4 if four else Family.INET6,
        scope=Scope.GLOBAL,
        flags=AddressFlag.PERMANENT if four else AddressFlag.PERMANENT | AddressFlag.NO_DAD,
        announce_with_arp=four and operator.vip.gratuitous_arp,
        layer=ConfigLayer.OPERATOR,
    )

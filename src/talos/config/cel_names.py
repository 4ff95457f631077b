"""Names that the expressions of configurations may use, with a value of the right type for each.

Fields are those of the resources DiskSpec, DiscoveredVolumeSpec and LinkStatusSpec (contract, api.txt).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Names = Mapping[str, Any]
_TEXTS = [""]


def _fields(numbers: str, texts: str, switches: str = "", **others: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(numbers.split(), 1),
        **dict.fromkeys(texts.split(), ""),
        **dict.fromkeys(switches.split(), False),
        **others,
    }


DISK: Names = {
    "system_disk": False,
    "disk": _fields(
        "size io_size sector_size",
        "model serial modalias wwid bus_path sub_system transport dev_path pretty_size uuid firmware_version",
        "readonly rotational cdrom",
        secondary_disks=_TEXTS,
        symlinks=_TEXTS,
    ),
}
VOLUME: Names = {
    **DISK,
    "volume": _fields(
        "size sector_size io_size block_size filesystem_block_size probed_size partition_index offset",
        "name uuid label partition_uuid partition_type partition_label type device_path parent dev_path "
        "parent_dev_path pretty_size",
    ),
}
LINK: Names = {
    "link": _fields(
        "index type link_index flags mtu master_index operational_state speed_megabits port duplex",
        "queue_disc kind slave_kind bus_path pciid driver driver_version firmware_version product_id vendor_id product "
        "vendor alias",
        "link_state",
        alt_names=_TEXTS,
        **dict.fromkeys(("hardware_addr", "broadcast_addr", "permanent_addr"), b""),
        **dict.fromkeys(("vlan", "bridge_master", "bond_master", "wireguard", "vrf_master", "veth")),
    ),
}

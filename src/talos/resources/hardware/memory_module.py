"""MemoryModule: resource type MemoryModules.hardware.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="MemoryModules.hardware.talos.dev",
    namespace="hardware",
    display="MemoryModule",
    aliases=("memorymodules", "ram", "memorymodule", "mm", "mms"),
    all_aliases=("memorymodules.hardware", "memorymodules.hardware.talos"),
    columns=(("Manufacturer", "{.manufacturer}"), ("Model", "{.productName}"), ("SizeMiB", "{.sizeMiB}")),
    proto="talos.resource.definitions.hardware.MemoryModuleSpec",
    omit_empty=(
        "size_mib",
        "device_locator",
        "bank_locator",
        "speed",
        "manufacturer",
        "serial_number",
        "asset_tag",
        "product_name",
    ),
    proto_names={"size_mib": "size"},
)
class MemoryModuleSpec(Spec):
    """Spec of MemoryModules.hardware.talos.dev."""

    size_mib: int = msgspec.field(default=0, name="sizeMiB")
    device_locator: str = ""
    bank_locator: str = ""
    speed: int = 0
    manufacturer: str = ""
    serial_number: str = ""
    asset_tag: str = ""
    product_name: str = ""

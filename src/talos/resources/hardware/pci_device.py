"""PCIDevice: resource type PCIDevices.hardware.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="PCIDevices.hardware.talos.dev",
    namespace="hardware",
    display="PCIDevice",
    aliases=("devices", "device", "pcidevice", "pcid", "pcids"),
    all_aliases=("pcidevices", "pcidevices.hardware", "pcidevices.hardware.talos"),
    columns=(("Class", "{.class}"), ("Subclass", "{.subclass}"), ("Vendor", "{.vendor}"), ("Product", "{.product}")),
    proto="talos.resource.definitions.hardware.PCIDeviceSpec",
    omit_empty=("class_", "subclass", "vendor", "product", "driver"),
)
class PCIDeviceSpec(Spec):
    """Spec of PCIDevices.hardware.talos.dev."""

    class_: str = ""
    subclass: str = ""
    vendor: str = ""
    product: str = ""
    class_id: str = msgspec.field(default="", name="class_id")
    subclass_id: str = msgspec.field(default="", name="subclass_id")
    vendor_id: str = msgspec.field(default="", name="vendor_id")
    product_id: str = msgspec.field(default="", name="product_id")
    driver: str = ""

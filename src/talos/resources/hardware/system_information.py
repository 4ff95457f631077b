"""SystemInformation: resource type SystemInformations.hardware.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="SystemInformations.hardware.talos.dev",
    namespace="hardware",
    display="SystemInformation",
    aliases=("systeminformation", "systeminformation", "si", "sis"),
    all_aliases=("systeminformations", "systeminformations.hardware", "systeminformations.hardware.talos"),
    columns=(
        ("Manufacturer", "{.manufacturer}"),
        ("ProductName", "{.productName}"),
        ("Version", "{.version}"),
        ("SerialNumber", "{.serialnumber}"),
        ("UUID", "{.uuid}"),
        ("WakeUpType", "{.wakeUpType}"),
        ("SKUNumber", "{.skuNumber}"),
    ),
    proto="talos.resource.definitions.hardware.SystemInformationSpec",
    omit_empty=(
        "manufacturer",
        "product_name",
        "version",
        "bios_version",
        "serialnumber",
        "uuid",
        "wake_up_type",
        "sku_number",
    ),
)
class SystemInformationSpec(Spec):
    """Spec of SystemInformations.hardware.talos.dev."""

    manufacturer: str = ""
    product_name: str = ""
    version: str = ""
    bios_version: str = ""
    serialnumber: str = ""
    uuid: str = ""
    wake_up_type: str = ""
    sku_number: str = ""

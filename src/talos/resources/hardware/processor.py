"""Processor: resource type Processors.hardware.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Processors.hardware.talos.dev",
    namespace="hardware",
    display="Processor",
    aliases=("cpus", "cpu", "processor"),
    all_aliases=("processors", "processors.hardware", "processors.hardware.talos"),
    columns=(
        ("Manufacturer", "{.manufacturer}"),
        ("Model", "{.productName}"),
        ("Cores", "{.coreCount}"),
        ("Threads", "{.threadCount}"),
    ),
    proto="talos.resource.definitions.hardware.ProcessorSpec",
    omit_empty=(
        "socket",
        "manufacturer",
        "product_name",
        "max_speed_mhz",
        "boot_speed_mhz",
        "status",
        "serial_number",
        "asset_tag",
        "part_number",
        "core_count",
        "core_enabled",
        "thread_count",
    ),
    proto_names={"max_speed_mhz": "max_speed", "boot_speed_mhz": "boot_speed"},
)
class ProcessorSpec(Spec):
    """Spec of Processors.hardware.talos.dev."""

    socket: str = ""
    manufacturer: str = ""
    product_name: str = ""
    max_speed_mhz: int = 0
    boot_speed_mhz: int = 0
    status: int = 0
    serial_number: str = ""
    asset_tag: str = ""
    part_number: str = ""
    core_count: int = 0
    core_enabled: int = 0
    thread_count: int = 0

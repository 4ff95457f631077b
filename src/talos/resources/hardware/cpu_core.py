"""CPUCore: resource type CPUCores.hardware.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="CPUCores.hardware.talos.dev",
    namespace="hardware",
    display="CPUCore",
    aliases=("cpucore", "cpucores", "cpucore", "cpuc", "cpucs"),
    all_aliases=("cpucores.hardware", "cpucores.hardware.talos"),
    columns=(
        ("Socket", "{.socket}"),
        ("Core", "{.coreID}"),
        ("Model", "{.modelName}"),
        ("Logical CPUs", "{.logicalCPUs}"),
    ),
    proto="talos.resource.definitions.hardware.CPUCoreSpec",
    omit_empty=(
        "socket",
        "core_id",
        "logical_cpus",
        "vendor_id",
        "cpu_family",
        "model",
        "model_name",
        "stepping",
        "microcode",
        "cache_size",
        "cores_per_socket",
        "threads_per_socket",
        "flags",
        "bugs",
        "bogo_mips",
        "address_sizes",
    ),
)
class CPUCoreSpec(Spec):
    """Spec of CPUCores.hardware.talos.dev."""

    socket: str = ""
    core_id: str = msgspec.field(default="", name="coreID")
    logical_cpus: list[int] = msgspec.field(default_factory=list, name="logicalCPUs")
    vendor_id: str = msgspec.field(default="", name="vendorID")
    cpu_family: str = ""
    model: str = ""
    model_name: str = ""
    stepping: str = ""
    microcode: str = ""
    cache_size: str = ""
    cores_per_socket: int = 0
    threads_per_socket: int = 0
    flags: list[str] = []
    bugs: list[str] = []
    bogo_mips: float = 0.0
    address_sizes: str = ""

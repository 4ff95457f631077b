"""BlockDevice: resource type BlockDevices.block.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="BlockDevices.block.talos.dev",
    namespace="runtime",
    display="BlockDevice",
    aliases=("blockdevice", "bd", "bds"),
    all_aliases=("blockdevices", "blockdevices.block", "blockdevices.block.talos"),
    columns=(("Type", "{.type}"), ("PartitionName", "{.partitionName}"), ("Generation", "{.generation}")),
    proto="talos.resource.definitions.block.DeviceSpec",
    omit_empty=("partition_name", "partition_number", "parent", "secondaries"),
)
class DeviceSpec(Spec):
    """Spec of BlockDevices.block.talos.dev."""

    type: str = ""
    major: int = 0
    minor: int = 0
    partition_name: str = ""
    partition_number: int = 0
    device_path: str = ""
    generation: int = 0
    parent: str = ""
    secondaries: list[str] = []

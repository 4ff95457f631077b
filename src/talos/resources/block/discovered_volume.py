"""DiscoveredVolume: resource type DiscoveredVolumes.block.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="DiscoveredVolumes.block.talos.dev",
    namespace="runtime",
    display="DiscoveredVolume",
    aliases=("discoveredvolume", "dv", "dvs"),
    all_aliases=("discoveredvolumes", "discoveredvolumes.block", "discoveredvolumes.block.talos"),
    columns=(
        ("Type", "{.type}"),
        ("Size", "{.pretty_size}"),
        ("Discovered", "{.name}"),
        ("Label", "{.label}"),
        ("PartitionLabel", "{.partition_label}"),
    ),
    proto="talos.resource.definitions.block.DiscoveredVolumeSpec",
    omit_empty=(
        "parent",
        "parent_dev_path",
        "sector_size",
        "io_size",
        "uuid",
        "label",
        "block_size",
        "filesystem_block_size",
        "probed_size",
        "partition_uuid",
        "partition_type",
        "partition_label",
        "partition_index",
    ),
)
class DiscoveredVolumeSpec(Spec):
    """Spec of DiscoveredVolumes.block.talos.dev."""

    dev_path: str = msgspec.field(default="", name="dev_path")
    type: str = ""
    device_path: str = msgspec.field(default="", name="device_path")
    parent: str = ""
    parent_dev_path: str = msgspec.field(default="", name="parent_dev_path")
    offset: int = 0
    size: int = 0
    pretty_size: str = msgspec.field(default="", name="pretty_size")
    sector_size: int = msgspec.field(default=0, name="sector_size")
    io_size: int = msgspec.field(default=0, name="io_size")
    name: str = ""
    uuid: str = ""
    label: str = ""
    block_size: int = msgspec.field(default=0, name="block_size")
    filesystem_block_size: int = msgspec.field(default=0, name="filesystem_block_size")
    probed_size: int = msgspec.field(default=0, name="probed_size")
    partition_uuid: str = msgspec.field(default="", name="partition_uuid")
    partition_type: str = msgspec.field(default="", name="partition_type")
    partition_label: str = msgspec.field(default="", name="partition_label")
    partition_index: int = msgspec.field(default=0, name="partition_index")

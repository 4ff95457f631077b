"""PlatformMetadata: resource type PlatformMetadatas.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="PlatformMetadatas.talos.dev",
    namespace="runtime",
    display="PlatformMetadata",
    aliases=("platformmetadata", "pm", "pms"),
    all_aliases=("platformmetadatas", "platformmetadatas.talos"),
    columns=(("Platform", "{.platform}"), ("Type", "{.instanceType}"), ("Region", "{.region}"), ("Zone", "{.zone}")),
    proto="talos.resource.definitions.runtime.PlatformMetadataSpec",
    omit_empty=(
        "platform",
        "hostname",
        "region",
        "zone",
        "instance_type",
        "instance_id",
        "provider_id",
        "spot",
        "internal_dns",
        "external_dns",
        "tags",
    ),
)
class PlatformMetadataSpec(Spec):
    """Spec of PlatformMetadatas.talos.dev."""

    platform: str = ""
    hostname: str = ""
    region: str = ""
    zone: str = ""
    instance_type: str = ""
    instance_id: str = ""
    provider_id: str = ""
    spot: bool = False
    internal_dns: str = msgspec.field(default="", name="internalDNS")
    external_dns: str = msgspec.field(default="", name="externalDNS")
    tags: dict[str, str] = {}

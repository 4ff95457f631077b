"""Vip operator, shared by several resource types."""

from __future__ import annotations

import msgspec

from talos.resources.network.vip_equinix_metal import VIPEquinixMetalSpec
from talos.resources.network.viph_cloud import VIPHCloudSpec
from talos.state.spec import Part, part


@part(omit_empty=("equinix_metal", "hcloud"))
class VIPOperatorSpec(Part):
    """Message VIPOperatorSpec of the wire contract."""

    ip: str = ""
    gratuitous_arp: bool = msgspec.field(default=False, name="gratuitousARP")
    equinix_metal: VIPEquinixMetalSpec | None = None
    hcloud: VIPHCloudSpec | None = None

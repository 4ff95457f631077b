"""Viph cloud, shared by several resource types."""

from __future__ import annotations

import msgspec

from talos.state.spec import Part


class VIPHCloudSpec(Part):
    """Message VIPHCloudSpec of the wire contract."""

    device_id: int = msgspec.field(default=0, name="deviceID")
    network_id: int = msgspec.field(default=0, name="networkID")
    api_token: str = ""

"""Vip equinix metal, shared by several resource types."""

from __future__ import annotations

import msgspec

from talos.state.spec import Part


class VIPEquinixMetalSpec(Part):
    """Message VIPEquinixMetalSpec of the wire contract."""

    project_id: str = msgspec.field(default="", name="projectID")
    device_id: str = msgspec.field(default="", name="deviceID")
    api_token: str = ""

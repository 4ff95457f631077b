"""Resources, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part


class Resources(Part):
    """Message Resources of the wire contract."""

    requests: dict[str, str] = {}
    limits: dict[str, str] = {}

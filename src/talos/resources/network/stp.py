"""Stp, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part


class STPSpec(Part):
    """Message STPSpec of the wire contract."""

    enabled: bool = False

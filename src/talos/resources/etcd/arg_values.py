"""Arg values, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part


class ArgValues(Part):
    """Message ArgValues of the wire contract."""

    values: list[str] = []

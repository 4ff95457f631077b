"""Tcp probe, shared by several resource types."""

from __future__ import annotations

from datetime import timedelta

from talos.state.spec import Part


class TCPProbeSpec(Part):
    """Message TCPProbeSpec of the wire contract."""

    endpoint: str = ""
    timeout: timedelta = timedelta()

"""Http probe, shared by several resource types."""

from __future__ import annotations

from datetime import timedelta

from talos.state.spec import Part, part


@part(forms={"url": "url"})
class HTTPProbeSpec(Part):
    """Message HTTPProbeSpec of the wire contract."""

    url: str = ""
    timeout: timedelta = timedelta()

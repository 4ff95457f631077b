"""Trimming and scrubbing, shared by all kinds of volume."""

from __future__ import annotations

from talos.config.document import Part
from talos.config.duration import Duration


class TrimConfig(Part, kw_only=True):
    """``trim``."""

    enabled: bool | None = None
    interval: Duration = Duration(0)


class ScrubConfig(Part, kw_only=True):
    """``scrub``."""

    enabled: bool | None = None
    interval: Duration = Duration(0)

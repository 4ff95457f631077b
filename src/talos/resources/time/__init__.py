"""Resource types of the domain time."""

from __future__ import annotations

from talos.resources.time.adjtime_status import AdjtimeStatusSpec
from talos.resources.time.ntp_status import NTPStatusSpec
from talos.resources.time.time_status import StatusSpec

__all__ = [
    "AdjtimeStatusSpec",
    "NTPStatusSpec",
    "StatusSpec",
]

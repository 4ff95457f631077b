"""FSScrubStatus: resource type FSScrubStatuses.block.talos.dev."""

from __future__ import annotations

from datetime import datetime, timedelta

from talos.state.clock import ZERO_TIME
from talos.state.spec import Spec, resource


@resource(
    type="FSScrubStatuses.block.talos.dev",
    namespace="runtime",
    display="FSScrubStatus",
    aliases=("fsscrubstatus", "fsss"),
    all_aliases=("fsscrubstatuses", "fsscrubstatuses.block", "fsscrubstatuses.block.talos"),
    columns=(
        ("Mountpoint", "{.mountpoint}"),
        ("Interval", "{.interval}"),
        ("Latest start time", "{.time}"),
        ("Latest run duration", "{.duration}"),
        ("Latest status", "{.status}"),
    ),
    proto="talos.resource.definitions.block.FSScrubStatusSpec",
)
class FSScrubStatusSpec(Spec):
    """Spec of FSScrubStatuses.block.talos.dev."""

    mountpoint: str = ""
    interval: timedelta = timedelta()
    time: datetime = ZERO_TIME
    duration: timedelta = timedelta()
    status: str = ""

"""FSScrubSchedule: resource type FSScrubSchedules.block.talos.dev."""

from __future__ import annotations

from datetime import datetime, timedelta

from talos.resources.enums import FilesystemType
from talos.state.clock import ZERO_TIME
from talos.state.spec import Spec, resource


@resource(
    type="FSScrubSchedules.block.talos.dev",
    namespace="runtime",
    display="FSScrubSchedule",
    aliases=("fsscrubschedule", "fsss"),
    all_aliases=("fsscrubschedules", "fsscrubschedules.block", "fsscrubschedules.block.talos"),
    columns=(("Filesystem", "{.filesystem}"), ("Interval", "{.interval}"), ("Next Scrub", "{.nextScrub}")),
    proto="talos.resource.definitions.block.FSScrubScheduleSpec",
)
class FSScrubScheduleSpec(Spec):
    """Spec of FSScrubSchedules.block.talos.dev."""

    filesystem: FilesystemType = FilesystemType.NONE
    interval: timedelta = timedelta()
    next_scrub: datetime = ZERO_TIME

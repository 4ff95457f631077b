"""VolumeTrimSchedule: resource type VolumeTrimSchedules.block.talos.dev."""

from __future__ import annotations

from datetime import datetime, timedelta

from talos.resources.enums import FilesystemType
from talos.state.clock import ZERO_TIME
from talos.state.spec import Spec, resource


@resource(
    type="VolumeTrimSchedules.block.talos.dev",
    namespace="runtime",
    display="VolumeTrimSchedule",
    aliases=("volumetrimschedule", "vts"),
    all_aliases=("volumetrimschedules", "volumetrimschedules.block", "volumetrimschedules.block.talos"),
    columns=(("Filesystem", "{.filesystem}"), ("Interval", "{.interval}"), ("Next Trim", "{.nextTrim}")),
    proto="talos.resource.definitions.block.VolumeTrimScheduleSpec",
)
class VolumeTrimScheduleSpec(Spec):
    """Spec of VolumeTrimSchedules.block.talos.dev."""

    filesystem: FilesystemType = FilesystemType.NONE
    interval: timedelta = timedelta()
    next_trim: datetime = ZERO_TIME

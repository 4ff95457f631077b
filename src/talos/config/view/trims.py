"""How often blocks that hold nothing are given back to disks, for all volumes and for single ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from talos.config.block.existing_volume_config import ExistingVolumeConfig
from talos.config.block.filesystem_trim_config import FilesystemTrimConfig
from talos.config.block.upkeep import TrimConfig
from talos.config.block.user_volume_config import UserVolumeConfig
from talos.config.block.volume_config import VolumeConfig
from talos.config.duration import Duration
from talos.config.view.volumes import EXISTING, PREFIXES, USER

if TYPE_CHECKING:
    from talos.config.config import Config

DEFAULT = timedelta(hours=168)


class Trims(Struct, frozen=True):
    """interval of volumes of which nothing else is said. volumes: by id; None for one that is not trimmed."""

    interval: timedelta = DEFAULT
    volumes: dict[str, timedelta | None] = {}

    def of(self, volume: str) -> timedelta | None:
        """None: never."""
        return self.volumes.get(volume, self.interval)


def trims(config: Config) -> Trims:
    """What a configuration says."""
    document = config.get(FilesystemTrimConfig)
    interval = _length(document.interval) if document is not None and document.interval else DEFAULT
    said: list[tuple[str, TrimConfig | None]] = [
        *((one.name, one.trim) for one in config.get_all(VolumeConfig)),
        *((f"{PREFIXES[USER]}{one.name}", one.trim) for one in config.get_all(UserVolumeConfig)),
        *((f"{PREFIXES[EXISTING]}{one.name}", one.trim) for one in config.get_all(ExistingVolumeConfig)),
    ]
    return Trims(interval, {id: _of_one(trim, interval) for id, trim in said if trim is not None})


def _of_one(trim: TrimConfig, interval: timedelta) -> timedelta | None:
    if trim.enabled is False:
        return None
    return _length(trim.interval) if trim.interval else interval


def _length(duration: Duration) -> timedelta:
    return timedelta(seconds=duration.seconds)

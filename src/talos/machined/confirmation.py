"""A configuration that is taken back unless somebody confirms it: the deadline, and how it survives.

/system/state/unconfirmed.json is written before the configuration that it guards and removed after what ends it, so
that no moment exists at which that configuration is in force without a deadline. It names the generation to go back to,
not the one it guards: while several are applied one after another, that is the last one somebody stood by.

A wall clock alone would not do: a machine without a battery starts years in the past, and the first time
synchronization jumps. Within one boot the kernel's boot time counts (it goes on while the node restarts in a container,
where boot and kernel are the host's). After another boot the wall clock counts, unless it shows less than when the
deadline was set: then the whole window begins anew, late but certain.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from talos.machined import durable

PATH = "/system/state/unconfirmed.json"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MIN_S, MAX_S = 10.0, 24 * 3600.0
"""shorter than a person takes to confirm, longer than anybody waits: both are mistakes"""


class Moment(Struct, frozen=True):
    """Now, as three clocks tell it."""

    wall: float
    boot: float
    boot_id: str


def now() -> Moment:
    """The moment (clock_gettime(2), random(4))."""
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), BOOT_ID.read_text().strip())


Now = Callable[[], Moment]


class Deadline(Struct, frozen=True):
    """Until when a configuration has to be confirmed, and what follows if it is not."""

    back_to: int
    """the last confirmed generation"""
    window_s: float
    set_at: Moment

    def left_s(self, moment: Moment) -> float:
        """Seconds that are left; never more than the window, 0 when it is over."""
        if moment.boot_id == self.set_at.boot_id:
            gone = moment.boot - self.set_at.boot
        else:
            gone = moment.wall - self.set_at.wall
        return min(self.window_s, max(0.0, self.window_s - gone)) if gone >= 0 else self.window_s


class DeadlineFile:
    """The deadline on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Deadline | None:
        """None if there is none. ValueError if it cannot be read: the file is renamed, never cut, so that is damage."""
        try:
            fields = json.loads(self._path.read_bytes())
            return Deadline(int(fields["back_to"]), float(fields["window_s"]), Moment(**fields["set_at"]))
        except FileNotFoundError:
            return None
        except (OSError, TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{self._path} cannot be read: {error}") from error

    def write(self, deadline: Deadline) -> None:
        """OSError: the one before still holds."""
        durable.write(self._path, msgspec.json.encode(deadline))

    def remove(self) -> None:
        """OSError: it still holds."""
        durable.remove(self._path)

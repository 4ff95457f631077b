"""WatchdogTimerConfig: a hardware watchdog, which restarts a machine whose kernel or PID 1 stands still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.duration import Duration
from talos.config.forms import Kept

if TYPE_CHECKING:
    from talos.config.config import Config


LONGEST_PATH = 63
LONGEST_S = 1_000_000
"""both: what PID 1 takes (os/init/watchdog.c)"""


class WatchdogTimerConfig(Document, kw_only=True):
    """A watchdog device, fed three times within its timeout: a machine that stands still is restarted."""

    KIND: ClassVar[str] = "WatchdogTimerConfig"

    DEFAULT_S: ClassVar[float] = 60.0

    device: Kept[str] = ""
    timeout: Duration = Duration(0)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.device:
            yield "device is required, such as /dev/watchdog0"
        elif len(self.device.split()) != 1 or len(self.device) > LONGEST_PATH:
            yield f"device is {self.device!r}, must be a path such as /dev/watchdog0"
        if self.timeout and self.timeout.seconds < 10:
            yield f"timeout is {self.timeout}, must be at least 10s"
        if self.timeout.seconds > LONGEST_S:
            yield f"timeout is {self.timeout}, must be at most {LONGEST_S} s"

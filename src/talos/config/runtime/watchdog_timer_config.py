"""WatchdogTimerConfig: A hardware watchdog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.duration import Duration
from talos.config.forms import Kept

if TYPE_CHECKING:
    from talos.config.config import Config


class WatchdogTimerConfig(Document, kw_only=True):
    """A hardware watchdog."""

    KIND: ClassVar[str] = "WatchdogTimerConfig"

    device: Kept[str] = ""
    timeout: Duration = Duration(0)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.device:
            yield "device is required, such as /dev/watchdog0"
        if self.timeout and self.timeout.seconds < 10:
            yield f"timeout is {self.timeout}, must be at least 10s"

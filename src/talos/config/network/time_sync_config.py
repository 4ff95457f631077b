"""TimeSyncConfig: clock synchronization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.duration import Duration

if TYPE_CHECKING:
    from talos.config.config import Config


class NTPConfig(Part, kw_only=True):
    """``ntp``."""

    servers: list[str] = field(default_factory=list)
    use_nts: bool | None = field(default=None, name="useNTS")


class PTPConfig(Part, kw_only=True):
    """``ptp``."""

    devices: list[str] = field(default_factory=list)


class TimeSyncConfig(Document, kw_only=True):
    """Clock synchronization."""

    KIND: ClassVar[str] = "TimeSyncConfig"

    enabled: bool | None = None
    boot_timeout: Duration = Duration(0)
    ntp: NTPConfig | None = None
    ptp: PTPConfig | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.ntp and self.ptp:
            yield "ntp and ptp exclude each other; keep one of them"
        if self.boot_timeout < 0:
            yield f"bootTimeout is {self.boot_timeout}, must not be negative"

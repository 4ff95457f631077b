"""OOMConfig: when and whom the user space out-of-memory handler kills."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.duration import Duration
from talos.config.forms import Expression

if TYPE_CHECKING:
    from talos.config.config import Config


class OOMConfig(Document, kw_only=True):
    """When and whom the user space out-of-memory handler kills."""

    KIND: ClassVar[str] = "OOMConfig"

    trigger_expression: Expression = ""
    cgroup_ranking_expression: Expression = ""
    strict_cgroup_class_ordering: bool | None = None
    sample_interval: Duration = Duration(0)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.sample_interval < 0:
            yield f"sampleInterval is {self.sample_interval}, must not be negative"

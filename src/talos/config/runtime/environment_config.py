"""EnvironmentConfig: environment variables of the machine's services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept

if TYPE_CHECKING:
    from talos.config.config import Config


class EnvironmentConfig(Document, kw_only=True):
    """Environment variables of the machine's services."""

    KIND: ClassVar[str] = "EnvironmentConfig"

    variables: Kept[dict[str, str]] = field(default_factory=dict)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        for name in self.variables:
            if not name or "=" in name or "\0" in name:
                yield f"variables: {name!r} is no name of an environment variable"

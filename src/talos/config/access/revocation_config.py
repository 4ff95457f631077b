"""RevocationConfig: client certificates that are no longer accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config.document import OWN_API_VERSION, Document
from talos.config.forms import FINGERPRINT, SERIAL, Kept

if TYPE_CHECKING:
    from talos.config.config import Config


class RevocationConfig(Document, kw_only=True):
    """Client certificates that are no longer accepted."""

    KIND: ClassVar[str] = "RevocationConfig"
    API_VERSION: ClassVar[str] = OWN_API_VERSION
    NAMED: ClassVar[bool] = True

    name: Kept[str] = ""
    fingerprints: list[Annotated[str, FINGERPRINT]] = field(default_factory=list)
    serials: list[Annotated[str, SERIAL]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.name:
            yield "name is required"
        if not (self.fingerprints or self.serials or self.names):
            yield "nothing is revoked: list fingerprints, serials or names"

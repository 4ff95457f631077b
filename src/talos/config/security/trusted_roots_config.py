"""TrustedRootsConfig: further certificate authorities that the machine trusts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import Kept, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class TrustedRootsConfig(Document, kw_only=True):
    """Further certificate authorities that the machine trusts."""

    KIND: ClassVar[str] = "TrustedRootsConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    certificates: Kept[str] = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.certificate("certificates", self.certificates)

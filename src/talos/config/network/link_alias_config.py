"""LinkAliasConfig: A stable name for a link chosen by an expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import Kept, LinkExpression, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class LinkSelector(Part, kw_only=True):
    """``selector``."""

    match: LinkExpression = ""


class LinkAliasConfig(Document, kw_only=True):
    """A stable name for a link chosen by an expression."""

    KIND: ClassVar[str] = "LinkAliasConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    selector: LinkSelector = field(default_factory=LinkSelector)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.selector.match:
            yield "selector.match is required"

"""NetworkDefaultActionConfig: what happens to packets that no rule accepts."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import Kept, OneOf


class NetworkDefaultActionConfig(Document, kw_only=True):
    """What happens to packets that no rule accepts."""

    KIND: ClassVar[str] = "NetworkDefaultActionConfig"

    ingress: Kept[Annotated[str, OneOf("accept", "block")]] = ""

"""KubeAuthorizerConfig: an entry of kube-apiserver's structured authorization configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Known, Unstructured

if TYPE_CHECKING:
    from talos.config.config import Config


class KubeAuthorizerConfig(Document, kw_only=True):
    """An entry of kube-apiserver's structured authorization configuration."""

    KIND: ClassVar[str] = "KubeAuthorizerConfig"
    NAMED: ClassVar[bool] = True

    name: Kept[str] = ""
    type: Kept[Annotated[str, Known("Node", "RBAC", "Webhook")]] = ""
    webhook: Unstructured = field(default_factory=dict)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.type == "Webhook" and not self.webhook:
            yield "webhook is required for an authorizer of type Webhook"
        if self.type != "Webhook" and self.webhook:
            yield f"webhook has no meaning for an authorizer of type {self.type}; remove it"

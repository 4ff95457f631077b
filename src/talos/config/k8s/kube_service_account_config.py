"""KubeServiceAccountConfig: issuer of service account tokens and what else is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document, Part
from talos.config.forms import URL, Kept, Needed, Pattern, Secret

if TYPE_CHECKING:
    from talos.config.config import Config


class IssuerServiceAccountConfig(Part, kw_only=True):
    """``issuer``."""

    private_key: Secret[Needed[Kept[str]]] = ""
    issuer_url: Needed[Kept[Annotated[URL, Pattern(r"^(http|https)://", "an http or https URL")]]] = field(
        default="", name="issuerURL"
    )


class AcceptedServiceAccountConfig(Part, kw_only=True):
    """``accepted``."""

    public_keys: list[str] = field(default_factory=list)
    issuers: list[Annotated[URL, Pattern(r"^(http|https)://", "an http or https URL")]] = field(default_factory=list)
    audiences: list[str] = field(default_factory=list)


class KubeServiceAccountConfig(Document, kw_only=True):
    """Issuer of service account tokens and what else is accepted."""

    KIND: ClassVar[str] = "KubeServiceAccountConfig"
    SECRET: ClassVar[bool] = True

    issuer: Needed[Kept[IssuerServiceAccountConfig]] = field(default_factory=IssuerServiceAccountConfig)
    accepted: AcceptedServiceAccountConfig = field(default_factory=AcceptedServiceAccountConfig)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.private_key("issuer.privateKey", self.issuer.private_key)

"""RegistryTLSConfig: TLS settings for a container registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config import checks
from talos.config.certificate_and_key import CertificateAndKey
from talos.config.document import Document
from talos.config.forms import Kept, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class RegistryTLSConfig(Document, kw_only=True):
    """TLS settings for a container registry."""

    KIND: ClassVar[str] = "RegistryTLSConfig"
    NAMED: ClassVar[bool] = True
    SECRET: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    client_identity: CertificateAndKey | None = None
    ca: str = ""
    insecure_skip_verify: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.client_identity:
            yield from checks.certificate_and_key("clientIdentity", self.client_identity)
        if self.ca:
            yield from checks.certificate("ca", self.ca)

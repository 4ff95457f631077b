"""KubeAPIServerCAConfig: Kubernetes API authority: the issuing one and others that are trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.certificate_and_key import CertificateAndKey
from talos.config.document import Document

if TYPE_CHECKING:
    from talos.config.config import Config


class KubeAPIServerCAConfig(Document, kw_only=True):
    """Kubernetes API authority: the issuing one and others that are trusted."""

    KIND: ClassVar[str] = "KubeAPIServerCAConfig"
    SECRET: ClassVar[bool] = True

    issuing_ca: CertificateAndKey | None = field(default=None, name="issuingCA")
    accepted_cas: list[str] = field(default_factory=list, name="acceptedCAs")

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.authority(self.issuing_ca, self.accepted_cas, control_plane=config.machine.is_control_plane)

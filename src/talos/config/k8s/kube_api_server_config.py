"""KubeAPIServerConfig: settings of kube-apiserver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import ArgValue, Kept, Needed
from talos.config.k8s.resources_config import ResourcesConfig

if TYPE_CHECKING:
    from talos.config.config import Config


class KubeAPIServerConfig(Document, kw_only=True):
    """Settings of kube-apiserver."""

    KIND: ClassVar[str] = "KubeAPIServerConfig"

    image: Needed[Kept[str]] = ""
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    resources: ResourcesConfig = field(default_factory=ResourcesConfig)
    api_port: int | None = None
    cert_extra_sans: list[str] = field(default_factory=list, name="certExtraSANs")
    startup_probes: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.port("apiPort", self.api_port or 0)

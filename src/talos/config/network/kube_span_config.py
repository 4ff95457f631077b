"""KubeSpanConfig: kubeSpan, the WireGuard mesh between the cluster's machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document, Part
from talos.config.forms import Prefix, UInt32

if TYPE_CHECKING:
    from talos.config.config import Config


class KubeSpanFiltersConfig(Part, kw_only=True):
    """``filters``."""

    endpoints: list[str] = field(default_factory=list)
    exclude_advertised_networks: list[Prefix] = field(default_factory=list)


class KubeSpanConfig(Document, kw_only=True):
    """KubeSpan, the WireGuard mesh between the cluster's machines."""

    KIND: ClassVar[str] = "KubeSpanConfig"

    enabled: bool | None = None
    advertise_kubernetes_networks: bool | None = None
    allow_down_peer_bypass: bool | None = None
    harvest_extra_endpoints: bool | None = None
    mtu: UInt32 | None = None
    filters: KubeSpanFiltersConfig | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.mtu is not None and self.mtu < checks.MINIMUM_IPV6_MTU:
            yield f"mtu is {self.mtu}, must be at least {checks.MINIMUM_IPV6_MTU}: IPv6 needs it"

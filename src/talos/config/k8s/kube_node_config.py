"""KubeNodeConfig: registration of the machine as a Kubernetes node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document, Part
from talos.config.forms import Kept

if TYPE_CHECKING:
    from talos.config.config import Config


class NodeIPConfig(Part, kw_only=True):
    """``nodeIP``."""

    valid_subnets: list[str] = field(default_factory=list)


class KubeNodeConfig(Document, kw_only=True):
    """Registration of the machine as a Kubernetes node."""

    KIND: ClassVar[str] = "KubeNodeConfig"

    skip_node_registration: bool | None = None
    register_with_fqdn: bool | None = field(default=None, name="registerWithFQDN")
    node_ip: Kept[NodeIPConfig] = field(default_factory=NodeIPConfig, name="nodeIP")
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    taints: dict[str, str] = field(default_factory=dict)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.subnets("nodeIP.validSubnets", self.node_ip.valid_subnets)
        yield from checks.labels("labels", self.labels)
        yield from checks.labels("annotations", self.annotations, values=False)
        yield from checks.taints("taints", self.taints)

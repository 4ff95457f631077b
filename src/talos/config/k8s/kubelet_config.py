"""KubeletConfig: settings of the kubelet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import ArgValue, Kept, Needed, Unstructured

if TYPE_CHECKING:
    from talos.config.config import Config


class KubeletConfig(Document, kw_only=True):
    """Settings of the kubelet."""

    KIND: ClassVar[str] = "KubeletConfig"

    image: Needed[Kept[str]] = ""
    config: Kept[Unstructured] = field(default_factory=dict)
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    cluster_dns: list[str] = field(default_factory=list, name="clusterDNS")
    default_runtime_seccomp_profile_enabled: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.addresses("clusterDNS", self.cluster_dns)

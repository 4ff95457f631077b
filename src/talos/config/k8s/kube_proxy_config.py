"""KubeProxyConfig: settings of kube-proxy."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import ArgValue, Kept, Known, Needed, Unstructured
from talos.config.k8s.resources_config import ResourcesConfig


class KubeProxyConfig(Document, kw_only=True):
    """Settings of kube-proxy."""

    KIND: ClassVar[str] = "KubeProxyConfig"

    enabled: bool | None = None
    image: Needed[str] = ""
    mode: Annotated[str, Known("nftables", "iptables", "ipvs")] = ""
    config: Kept[Unstructured] = field(default_factory=dict)
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    resources: ResourcesConfig = field(default_factory=ResourcesConfig)

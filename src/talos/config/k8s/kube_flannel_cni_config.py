"""KubeFlannelCNIConfig: settings of flannel, the default container network."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, UInt16, UInt32, Unstructured
from talos.config.k8s.resources_config import ResourcesConfig


class KubeFlannelCNIConfig(Document, kw_only=True):
    """Settings of flannel, the default container network."""

    KIND: ClassVar[str] = "KubeFlannelCNIConfig"

    backend_type: Kept[str] = ""
    backend_port: UInt16 = 0
    backend_mtu: UInt32 = field(default=0, name="backendMTU")
    backend_extra_config: Unstructured = field(default_factory=dict)
    resources: ResourcesConfig = field(default_factory=ResourcesConfig)
    extra_args: list[str] = field(default_factory=list)
    kube_network_policies_enabled: bool | None = None

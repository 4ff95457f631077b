"""KubeControllerManagerConfig: settings of kube-controller-manager."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import ArgValue, Kept, Needed
from talos.config.k8s.resources_config import ResourcesConfig


class KubeControllerManagerConfig(Document, kw_only=True):
    """Settings of kube-controller-manager."""

    KIND: ClassVar[str] = "KubeControllerManagerConfig"

    enabled: bool | None = None
    image: Needed[Kept[str]] = ""
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    resources: ResourcesConfig = field(default_factory=ResourcesConfig)

"""KubeSchedulerConfig: settings of kube-scheduler."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import ArgValue, Kept, Needed, Unstructured
from talos.config.k8s.resources_config import ResourcesConfig


class KubeSchedulerConfig(Document, kw_only=True):
    """Settings of kube-scheduler."""

    KIND: ClassVar[str] = "KubeSchedulerConfig"

    enabled: bool | None = None
    image: Needed[Kept[str]] = ""
    config: Kept[Unstructured] = field(default_factory=dict)
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    resources: ResourcesConfig = field(default_factory=ResourcesConfig)

"""KubeClusterConfig: name of the cluster and the URL of its API."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import URL, Kept, Needed, Pattern


class KubeClusterConfig(Document, kw_only=True):
    """Name of the cluster and the URL of its API."""

    KIND: ClassVar[str] = "KubeClusterConfig"

    cluster_name: Needed[Kept[str]] = ""
    endpoint: Needed[Kept[Annotated[URL, Pattern(r"^https?://", "a URL such as https://10.0.0.1:6443")]]] = ""

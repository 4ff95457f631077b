"""DiscoveryIdentityConfig: identity and secret by which the cluster's machines find each other."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Needed, Secret


class DiscoveryIdentityConfig(Document, kw_only=True):
    """Identity and secret by which the cluster's machines find each other."""

    KIND: ClassVar[str] = "DiscoveryIdentityConfig"
    SECRET: ClassVar[bool] = True

    cluster_id: Needed[Kept[str]] = field(default="", name="clusterID")
    cluster_secret: Secret[Needed[Kept[str]]] = ""

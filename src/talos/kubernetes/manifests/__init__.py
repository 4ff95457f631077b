"""The manifests a new cluster starts with, as pure functions from a few settings to Kubernetes objects.

`render` gives them by id; ids sort in the order in which they are applied: what nodes need to join comes first, then
the network, then DNS.
"""

from __future__ import annotations

from talos.kubernetes.manifests.objects import Object
from talos.kubernetes.manifests.render import render
from talos.kubernetes.manifests.settings import Settings

__all__ = ["Object", "Settings", "render"]

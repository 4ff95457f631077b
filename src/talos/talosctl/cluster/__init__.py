"""`talosctl cluster`: clusters on this machine."""

from __future__ import annotations

from talos.talosctl.cluster.group import cluster

__all__ = ["cluster"]

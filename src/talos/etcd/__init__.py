"""etcd as the node runs it: the v3 API over grpclib, the command line, bootstrap and join, locks."""

from __future__ import annotations

from talos.etcd.client import EtcdClient, EtcdUnavailableError

__all__ = ["EtcdClient", "EtcdUnavailableError"]

"""A Kubernetes API client for the node: plain JSON objects over pooled HTTP/1.1 connections.

The heavy clients cost 16 to 25 MB of memory in every process that imports them; what the controllers need is six verbs
and a watch. Objects stay ``dict[str, Any]``, exactly what the server sent: a typed model of Kubernetes would have to
follow its releases, and nothing here looks deeper than metadata, status and a few well-known fields.
"""

from __future__ import annotations

from talos.kubernetes.client import Client, WatchEvent
from talos.kubernetes.errors import ApiError, ConnectError
from talos.kubernetes.kinds import Kind

__all__ = ["ApiError", "Client", "ConnectError", "Kind", "WatchEvent"]

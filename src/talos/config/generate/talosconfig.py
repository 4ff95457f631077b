"""The client configuration of a new cluster's administrator."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING

from talos.config.yaml_writer import dump
from talos.pki import certificates

if TYPE_CHECKING:
    from talos.config.generate.input import Input


def talosconfig(given: Input, *, roles: tuple[str, ...], now: datetime | None = None) -> str:
    """YAML with one context, named as the cluster, whose certificate carries the roles."""
    authority = given.secrets.certs.os.pair
    client = certificates.api_client(authority, roles, now=now)
    return dump(
        {
            "context": given.cluster_name,
            "contexts": {
                given.cluster_name: {
                    "endpoints": list(given.talosconfig_endpoints),
                    "ca": b64encode(authority.crt).decode(),
                    "crt": b64encode(client.crt).decode(),
                    "key": b64encode(client.key).decode(),
                }
            },
        }
    )

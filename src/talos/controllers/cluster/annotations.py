"""The registry of members in Kubernetes: how a node describes itself on its Node, and how that is read."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from talos.resources.cluster import AffiliateSpec, ControlPlane
from talos.resources.enums import MachineType

NODE_ID = "cluster.talos.dev/node-id"
SELF_IPS = "networking.talos.dev/self-ips"
API_SERVER_PORT = "networking.talos.dev/api-server-port"
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"


def annotations_of(affiliate: AffiliateSpec) -> dict[str, str]:
    """Annotations by which a node registers."""
    annotations = {NODE_ID: affiliate.node_id, SELF_IPS: ",".join(affiliate.addresses)}
    if affiliate.control_plane:
        annotations[API_SERVER_PORT] = str(affiliate.control_plane.port)
    return annotations


def affiliate_of(node: dict[str, Any]) -> AffiliateSpec | None:
    """The affiliate that a Node registers; None for a node that has not."""
    metadata, status = node["metadata"], node.get("status") or {}
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    node_id = annotations.get(NODE_ID)
    if not node_id:
        return None
    hostname = next((a["address"] for a in status.get("addresses") or () if a["type"] == "Hostname"), metadata["name"])
    control_plane = CONTROL_PLANE_LABEL in labels or API_SERVER_PORT in annotations
    port = annotations.get(API_SERVER_PORT, "")
    return AffiliateSpec(
        node_id=node_id,
        addresses=_addresses(annotations.get(SELF_IPS, "").split(",")),
        hostname=hostname,
        nodename=metadata["name"],
        operating_system=(status.get("nodeInfo") or {}).get("osImage", ""),
        machine_type=MachineType.CONTROL_PLANE if control_plane else MachineType.WORKER,
        control_plane=ControlPlane(port=int(port)) if port.isdigit() else None,
    )


def _addresses(texts: Iterable[str]) -> list[str]:
    found = []
    for text in texts:
        try:
            found.append(str(ip_address(text.strip())))
        except ValueError:
            continue
    return found

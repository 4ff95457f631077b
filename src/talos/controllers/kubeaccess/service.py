"""The Service behind which pods find the machine API.

It has no selector, since apid is no pod: its EndpointSlices hold the addresses of control plane nodes, which are those
of the API servers (a node's own address, as its kubelet chose it).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from talos.kubernetes import Kind

NAME, NAMESPACE = "talos", "default"
HOST = f"{NAME}.{NAMESPACE}"
PORT = 50000
LABELS = {"component": "apid", "provider": "talos.dev"}
SERVICE = Kind("v1", "Service", "services", True)
FAMILIES = ("IPv4", "IPv6")

Object = dict[str, Any]


def service() -> Object:
    """The Service."""
    port = {"name": "apid", "port": PORT, "protocol": "TCP", "targetPort": PORT}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(NAME), "spec": {"ports": [port]}}


def endpoint_slices(addresses: Iterable[str]) -> dict[str, Object | None]:
    """Name → EndpointSlice for both address families; None: there is no address of that family."""
    known = sorted({ip_address(address) for address in addresses}, key=lambda ip: (ip.version, ip))
    slices: dict[str, Object | None] = {}
    for version, family in zip((4, 6), FAMILIES, strict=True):
        name = f"{NAME}-{family.lower()}"
        ours = [str(ip) for ip in known if ip.version == version]
        slices[name] = _endpoint_slice(name, family, ours) if ours else None
    return slices


def _endpoint_slice(name: str, family: str, addresses: list[str]) -> Object:
    conditions = {"ready": True, "serving": True, "terminating": False}
    metadata = _metadata(name)
    # This label is what makes it a slice of the Service (KEP-752).
    metadata["labels"] = {**LABELS, "kubernetes.io/service-name": NAME}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": family,
        "endpoints": [{"addresses": [address], "conditions": conditions} for address in addresses],
        "ports": [{"name": "apid", "port": PORT, "protocol": "TCP"}],
    }


def _metadata(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE, "labels": dict(LABELS)}

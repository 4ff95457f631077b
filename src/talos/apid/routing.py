"""Where a call goes, decided from its metadata alone.

no target, or proxyfrom (set by the apid that passed the call on)   this node
node                                                               that node, bytes unchanged
nodes                                                              all of them, answers marked with their node
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from grpclib.const import Status
from msgspec import Struct

from talos.transport.calls import CallError

FAN_OUT = (
    "/machine.MachineService/",
    "/cluster.ClusterService/",
    "/inspect.InspectService/",
    "/storage.StorageService/",
    "/time.TimeService/",
)
"""Services whose messages carry common.Metadata, so that the answers of several nodes can be told apart."""

_STREAMED = frozenset(
    {
        *(
            f"/machine.MachineService/{name}"
            for name in (
                "Copy",
                "DiskUsage",
                "Dmesg",
                "EtcdSnapshot",
                "Events",
                "ImageList",
                "Kubeconfig",
                "List",
                "DebugContainer",
                "Logs",
                "PacketCapture",
                "Read",
            )
        ),
        "/machine.LifecycleService/Install",
        "/machine.LifecycleService/Upgrade",
        "/cluster.ClusterService/HealthCheck",
        # not treated as streams by Talos' proxy when fanned out, and not reachable that way; known for latency
        "/cosi.resource.State/List",
        "/cosi.resource.State/Watch",
        "/machine.ImageService/List",
        "/machine.ImageService/Pull",
        "/machine.DebugService/ContainerRun",
        "/pytalos.audit.AuditService/Read",
    }
)
_CLIENT_STREAMS = frozenset(
    {
        "/machine.DebugService/ContainerRun",
        "/machine.ImageService/Import",
        "/machine.MachineService/EtcdRecover",
        "/pytalos.slots.SlotService/Write",
    }
)


def is_streamed(method: str) -> bool:
    """The method answers with a stream of messages."""
    return method in _STREAMED or method.endswith("Stream")


def is_client_stream(method: str, known: bool) -> bool:
    """The caller may send several messages; assumed of a method that is not in the contract."""
    return method in _CLIENT_STREAMS or not known


class Route(Struct, frozen=True):
    """fan_out False: one target, "" for this node. True: several, answers spliced."""

    targets: tuple[str, ...]
    fan_out: bool


class Site(Struct, frozen=True):
    """What of this node a decision depends on."""

    names: frozenset[str] = frozenset()
    """addresses and host names that mean this node"""
    can_forward: bool = False
    """has a client certificate for other nodes; workers have none"""
    routing_disabled: bool = False
    """maintenance mode"""


def _normal(target: str) -> str:
    try:
        return str(ip_address(target.strip("[]")))
    except ValueError:
        return target.lower()


def _checked(target: str) -> str:
    if not target:
        raise CallError(Status.INTERNAL, "empty node in the metadata: name an address or a host")
    name = _normal(target)
    if ":" in name:
        try:
            ip_address(name)
        except ValueError:
            raise CallError(Status.INTERNAL, f"node {target!r} must not have a port") from None
    return name


def decide(method: str, node: Sequence[str], nodes: Sequence[str], proxied: bool, site: Site) -> Route:
    """Route of a call; CallError with the status that the contract names."""
    if proxied:
        return Route(("",), False)
    if nodes:
        if not method.startswith(FAN_OUT):
            raise CallError(
                Status.INVALID_ARGUMENT,
                f"{method} cannot be sent to several nodes at once: call each with the metadata node",
            )
        return Route(tuple(_allowed(target, site) for target in nodes), True)
    if not node:
        return Route(("",), False)
    if len(node) > 1:
        raise CallError(Status.INVALID_ARGUMENT, "the metadata node is given more than once: name one node for a call")
    return Route((_allowed(node[0], site),), False)


def _allowed(target: str, site: Site) -> str:
    name = _checked(target)
    if name in site.names:
        return target
    if site.routing_disabled:
        raise CallError(
            Status.PERMISSION_DENIED, f"this node is in maintenance mode and passes no call on: call {target} directly"
        )
    if not site.can_forward:
        raise CallError(
            Status.PERMISSION_DENIED,
            f"this node passes no call on, control plane nodes do: use one as endpoint to reach {target}",
        )
    return target


def is_here(target: str, site: Site) -> bool:
    """`target` is this node."""
    return not target or _normal(target) in site.names

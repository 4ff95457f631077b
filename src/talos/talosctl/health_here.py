"""The health checks run from here instead of on a node: the same ones, asked through the client's own connection.

For clusters where no node can reach the others, and to see what this machine can reach.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from talos.machined.cluster_health import Cluster
    from talos.state import Spec
    from talos.talosctl.session import Session

_CALL_S = 5.0


class _Nodes:
    """What the checks ask of nodes (talos.machined.cluster_nodes.ClusterNodes), with this session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def call(self, address: str, path: str, request: Any = None) -> Any:
        from talos.client import ApiError
        from talos.machined.cluster_nodes import NodeUnreachableError

        try:
            return await self._session.call(address, path, request, timeout=_CALL_S)
        except ApiError as error:
            raise NodeUnreachableError(f"{address}: {error}") from error

    async def resources(self, address: str, kind: type[Spec]) -> dict[str, Any]:
        from talos.api import cosi_resource_pb2 as pb
        from talos.client import ApiError
        from talos.machined.cluster_nodes import NodeUnreachableError
        from talos.state import definition
        from talos.talosctl.resource_output import spec_of

        about = definition(kind)
        request = pb.ListRequest(namespace=about.namespace, type=about.type)
        try:
            return {
                reply.resource.metadata.id: spec_of(reply.resource) or {}
                async for reply in self._session.stream(address, "/cosi.resource.State/List", request)
            }
        except ApiError as error:
            raise NodeUnreachableError(f"{address}: {error}") from error


async def _without_kubernetes(nodes: _Nodes, node: str) -> set[str]:
    """Services of a control plane node that runs no Kubernetes; empty: it does run it, or is none."""
    from talos.resources.config import MachineTypeSpec
    from talos.resources.k8s import NodenameSpec

    kind = (await nodes.resources(node, MachineTypeSpec)).get("machine-type")
    if kind not in ("controlplane", "init") or await nodes.resources(node, NodenameSpec):
        return set()
    reply = await nodes.call(node, "/machine.MachineService/ServiceList")
    services = {service.id for service in reply.messages[0].services}
    return set() if "kubelet" in services else services


async def _members(cluster: Cluster, nodes: _Nodes, node: str) -> None:
    from talos.resources.cluster import MemberSpec

    control_plane: list[str] = []
    workers: list[str] = []
    for spec in (await nodes.resources(node, MemberSpec)).values():
        (control_plane if spec.get("machineType") in ("controlplane", "init") else workers).extend(
            spec.get("addresses", [])[:1]
        )
    cluster.control_plane, cluster.workers = control_plane, workers
    print(f"discovered nodes: {', '.join(cluster.all)}", file=sys.stderr)


async def check(
    session: Session, control_plane: list[str], workers: list[str], endpoint: str, wait_timeout_s: float
) -> None:
    """Until every check passes. ClickException names the one that did not in time."""
    from talos.kubernetes.errors import ApiError, ConnectError
    from talos.machined.cluster_health import Cluster, run
    from talos.talosctl.kubernetes_api import kubernetes

    last = "discovering nodes"
    try:
        async with asyncio.timeout(wait_timeout_s), AsyncExitStack() as stack:
            here = _Nodes(session)
            alone = await _without_kubernetes(here, session.targets()[0])
            client = None if alone else await stack.enter_async_context(kubernetes(session, endpoint))
            cluster = Cluster(cast(Any, here), client, control_plane, workers, "etcd" in (alone or ()))
            if not cluster.all and alone:
                await _members(cluster, here, session.targets()[0])
            elif not cluster.all:
                try:
                    await cluster.discover()
                except (ApiError, ConnectError) as error:
                    raise click.ClickException(
                        f"the nodes of the cluster are not known: {error}; name them with --control-plane-nodes and "
                        "--worker-nodes"
                    ) from error
                print(f"discovered nodes: {', '.join(cluster.all)}", file=sys.stderr)
            async for line in run(cluster):
                last = line
                print(line, file=sys.stderr, flush=True)
    except TimeoutError:
        raise click.ClickException(f"the cluster is not healthy after {wait_timeout_s:.0f} s; last: {last}") from None

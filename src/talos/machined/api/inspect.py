"""inspect.InspectService: which controller reads and writes what, over all processes of the node."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from talos.api import inspect_pb2 as pb
from talos.machined import rest
from talos.machined.rpc import Call, unary
from talos.state.dependencies import edges
from talos.state.discovery import discover


@unary("/inspect.InspectService/ControllerRuntimeDependencies")
async def controller_runtime_dependencies(call: Call, request: Empty) -> pb.ControllerRuntimeDependenciesResponse:
    """The graph of the declarations; controllers of networkd and timed are part of it."""
    dependency = pb.ControllerRuntimeDependency()
    for edge in edges([one for package in rest.PACKAGES for one in discover(package)]):
        dependency.edges.add(
            controller_name=edge.controller,
            edge_type=pb.DependencyEdgeType.Value(edge.kind.name),
            resource_type=edge.type,
            resource_namespace=edge.namespace,
            resource_id=edge.id,
        )
    return pb.ControllerRuntimeDependenciesResponse(messages=[dependency])

"""Calls from one node's machined to the machined of every node of the cluster, through their apids.

They carry this node's own certificate, whose role os:impersonator lets it state the role it speaks with. Only control
plane nodes have that certificate.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import yaml
from grpclib import GRPCError, Status
from grpclib.const import Cardinality
from grpclib.exceptions import StreamTerminatedError

from talos import api, rbac
from talos.api import cosi_resource_pb2 as cosi
from talos.client.channel import Endpoint
from talos.client.errors import ApiError
from talos.client.tls import client_context
from talos.resources.secrets import APICertsSpec
from talos.state import NotFoundError, Spec, State, definition

TIMEOUT_S = 5.0


class NodeUnreachableError(Exception):
    """A node did not answer, or refused; the text names the node."""


class ClusterNodes:
    """Connections by address, made when first used."""

    def __init__(self, certificates: APICertsSpec) -> None:
        self._context = client_context(
            [c.crt.encode() for c in certificates.accepted_cas],
            certificates.client.crt.encode(),
            certificates.client.key.encode(),
        )
        self._endpoints: dict[str, Endpoint] = {}

    @classmethod
    async def create(cls, state: State) -> ClusterNodes:
        """GRPCError UNIMPLEMENTED on workers."""
        try:
            certificates = (await state.get(APICertsSpec, "api")).spec
        except NotFoundError as error:
            raise GRPCError(Status.UNAVAILABLE, "the node has no API certificate yet") from error
        if not certificates.client.crt:
            raise GRPCError(Status.UNIMPLEMENTED, "health checks run on control plane nodes: name one with --nodes")
        return cls(certificates)

    async def __aenter__(self) -> ClusterNodes:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for endpoint in self._endpoints.values():
            endpoint.close()

    async def call(self, address: str, path: str, request: Any = None) -> Any:
        """One unary call to one node. NodeUnreachableError."""
        responses = await self._exchange(address, path, request)
        return responses[0]

    async def resources(self, address: str, kind: type[Spec]) -> dict[str, Any]:
        """Resources of a kind on a node: id -> spec as YAML shows it. NodeUnreachableError."""
        about = definition(kind)
        request = cosi.ListRequest(namespace=about.namespace, type=about.type)
        responses = await self._exchange(address, "/cosi.resource.State/List", request)
        found = [r.resource for r in responses]
        return {r.metadata.id: yaml.safe_load(r.spec.yaml_spec) or {} for r in found}

    async def _exchange(self, address: str, path: str, request: Any) -> list[Any]:
        kinds = api.method_types(path)
        cardinality = Cardinality.UNARY_STREAM if kinds.server_streaming else Cardinality.UNARY_UNARY
        endpoint = self._endpoints.get(address)
        if endpoint is None:
            endpoint = self._endpoints[address] = Endpoint(address, self._context)
        metadata = {"talos-role": rbac.READER, "proxyfrom": "health"}
        try:
            async with endpoint.request(
                path, cardinality, kinds.request, kinds.response, timeout=TIMEOUT_S, metadata=metadata
            ) as stream:
                await stream.send_message(request or kinds.request(), end=True)
                responses = [message async for message in stream]
        except GRPCError as error:
            raise NodeUnreachableError(f"{address}: {error.message or error.status.name}") from error
        except (OSError, StreamTerminatedError, TimeoutError, ApiError) as error:
            self._endpoints.pop(address).close()
            raise NodeUnreachableError(f"{address}: {error or type(error).__name__}") from error
        if not responses and not kinds.server_streaming:
            raise NodeUnreachableError(f"{address}: no answer")
        return responses

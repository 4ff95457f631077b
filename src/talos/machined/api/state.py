"""cosi.resource.State as clients see it: they read, and only what their role may see.

The node's own processes write over another socket (talos.machined.state_socket), so
there is no caller here whom a write could be allowed to.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from grpclib import GRPCError

from talos import rbac
from talos.api import cosi_resource_pb2 as pb
from talos.config.yaml_writer import Sorted, dump
from talos.machined.rpc import Call, server_stream, unary
from talos.resources.meta import NamespaceSpec, ResourceDefinitionSpec
from talos.resources.meta.registry import NAMESPACES, OWNER, namespaces, resource_definitions
from talos.state import AccessError, InMemoryState, Spec, StateError, definition
from talos.state.plain_form import to_plain
from talos.state.proto_form import to_bytes
from talos.state.server import StateServer, status_of

SERVICE = "/cosi.resource.State/"
Response = TypeVar("Response")


class ExternalCodec:
    """proto_spec and yaml_spec of a genuine node."""

    def encode(self, spec: Spec) -> tuple[bytes, str]:
        return to_bytes(spec), dump(to_plain(spec, Sorted))

    def decode(self, kind: type[Spec], yaml_spec: str) -> Spec:
        # reached only on the way to the refusal of a write, for which the content does not matter
        return kind()


class RoleAccess:
    """Reads for everybody whom the method table let through, sensitive types for os:admin."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def read(self, kind: type[Spec], namespace: str) -> None:
        if namespace not in NAMESPACES:
            raise AccessError(f'namespace "{namespace}" is not supported')
        if definition(kind).sensitive and rbac.ADMIN not in self._call.roles:
            have = ", ".join(sorted(self._call.roles)) or "no role"
            text = f"{definition(kind).type} needs {rbac.ADMIN}; the caller has {have}"
            raise AccessError(f"{rbac.NOT_AUTHORIZED}: {text}")
        try:
            self._call.refuse_ungranted((namespace, definition(kind).type))
        except GRPCError as error:
            raise AccessError(str(error.message)) from error

    def write(self, kind: type[Spec], namespace: str, owner: str) -> None:
        raise AccessError("write access is not allowed")

    def hold(self, kind: type[Spec], namespace: str) -> None:
        raise AccessError("write access is not allowed")


def _server(call: Call) -> StateServer:
    state: Any = call.node.state
    return StateServer(state, ExternalCodec(), functools.partial(_prepare, state))


def _prepare(state: InMemoryState, kind: type[Spec]) -> None:
    """Types and namespaces describe themselves at the first question; see talos.resources.meta.registry."""
    made: list[Any]
    if kind is ResourceDefinitionSpec:
        made = list(resource_definitions())
    elif kind is NamespaceSpec:
        made = list(namespaces())
    else:
        return
    if not state.peek(kind):
        for resource in made:
            state.create_now(resource, owner=OWNER)


async def _answer(response: Awaitable[Response]) -> Response:
    try:
        return await response
    except StateError as error:
        raise GRPCError(status_of(error), str(error)) from error


async def _stream(responses: AsyncIterator[Response]) -> AsyncIterator[Response]:
    try:
        async for response in responses:
            yield response
    except StateError as error:
        raise GRPCError(status_of(error), str(error)) from error
    finally:
        await responses.aclose()  # type: ignore[attr-defined]


@unary(SERVICE + "Get")
async def get(call: Call, request: pb.GetRequest) -> pb.GetResponse:
    """One resource."""
    return await _answer(_server(call).get(request, RoleAccess(call)))


@server_stream(SERVICE + "List")
async def list_resources(call: Call, request: pb.ListRequest) -> AsyncIterator[pb.ListResponse]:
    """All resources of a type."""
    async for response in _stream(_server(call).list(request, RoleAccess(call))):
        yield response


@server_stream(SERVICE + "Watch")
async def watch(call: Call, request: pb.WatchRequest) -> AsyncIterator[pb.WatchResponse]:
    """Current contents, then changes."""
    async for response in _stream(_server(call).watch(request, RoleAccess(call))):
        yield response


def _refused(name: str, method: Callable[[StateServer, Any, RoleAccess], Awaitable[Any]]) -> None:
    @unary(SERVICE + name)
    async def refuse(call: Call, request: Any) -> Any:
        return await _answer(method(_server(call), request, RoleAccess(call)))

    refuse.__qualname__ = f"refuse_{name}"


_refused("Create", StateServer.create)
_refused("Update", StateServer.update)
_refused("Destroy", StateServer.destroy)
_refused("Teardown", StateServer.teardown)
_refused("TeardownAndDestroy", StateServer.teardown_and_destroy)

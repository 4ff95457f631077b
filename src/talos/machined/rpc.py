"""Registry of API methods and the one table grpclib serves from.

A handler module says only which method it carries out; request and response types, and whether either side
streams, come from the descriptors of the generated messages, so they cannot disagree with the wire contract.
Every method of the contract is in the table: one without a handler answers UNIMPLEMENTED with a text that says
that this version of the node does not carry it out, which is not the same as a method that does not exist.

Roles are checked here although apid has checked them before: a fault in apid must not open the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf import message_factory
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from grpclib.const import Cardinality
from grpclib.const import Handler as GrpclibHandler
from msgspec import Struct, field

from talos import rbac
from talos.state.discovery import children
from talos.transport.identity import AUDITED_KEY, CALLER_KEY, Identity

if TYPE_CHECKING:
    from grpclib.server import Stream

    from talos.machined.audit.calls import CallRecord
    from talos.machined.node import Node

log = logging.getLogger("machined.rpc")

ROLE_KEY = "talos-role"
AUDITED = [(AUDITED_KEY, "1")]
API_PACKAGE = "talos.machined.api"
PROTO_MODULES = (
    "cluster_pb2",
    "inspect_pb2",
    "machine_pb2",
    "storage_pb2",
    "time_pb2",
    "cosi_resource_pb2",
    "pytalos_access_pb2",
    "pytalos_audit_pb2",
    "pytalos_config_pb2",
    "pytalos_slots_pb2",
)

Authorize = Callable[[str, frozenset[str], bool], bool]
"""(method path, roles of the caller, node is in maintenance) → allowed."""


class Call(Struct, frozen=True):
    """What a handler knows about the call beside its request."""

    node: Node
    method: str
    roles: frozenset[str]
    metadata: Mapping[str, str] = field(default_factory=dict)
    stream: Any = None

    @property
    def caller(self) -> Identity:
        """The person: names out of the client certificate, as apid read them. All empty in maintenance mode (but the
        address) and for the node's own processes."""
        return Identity.decode(self.metadata.get(CALLER_KEY, "")) or Identity()

    def refuse_ungranted(self, resource: tuple[str, str] | None = None) -> None:
        """Refuse what grants and revocations of the node's configuration leave out; `resource` is (namespace, type)."""
        if refused := self.node.access.refusal(self.method, self.roles, self.caller, resource):
            raise GRPCError(Status.PERMISSION_DENIED, f"{rbac.NOT_AUTHORIZED}: {refused}")

    def require_role(self, *roles: str) -> None:
        """Refuse unless the caller has one of `roles`; for rules finer than one per method."""
        if not self.roles.intersection(roles):
            raise GRPCError(Status.PERMISSION_DENIED, "not authorized")


Unary = Callable[[Call, Any], Awaitable[Message]]
ServerStream = Callable[[Call, Any], AsyncIterator[Message]]
ClientStream = Callable[[Call, AsyncIterator[Any]], Awaitable[Message]]
Bidi = Callable[[Call, AsyncIterator[Any]], AsyncIterator[Message]]
H = TypeVar("H", bound=Callable[..., Any])


class Method(Struct, frozen=True):
    """A registered handler."""

    path: str
    cardinality: Cardinality
    handler: Callable[..., Any]


_methods: dict[str, Method] = {}


def _register(path: str, cardinality: Cardinality) -> Callable[[H], H]:
    def decorate(handler: H) -> H:
        known = _methods.get(path)
        if known is not None and (known.handler.__module__, known.handler.__qualname__) != (
            handler.__module__,
            handler.__qualname__,
        ):
            raise ValueError(f"{path} is registered twice: {known.handler.__module__} and {handler.__module__}")
        _methods[path] = Method(path, cardinality, handler)
        return handler

    return decorate


def unary(path: str) -> Callable[[H], H]:
    """`async def handler(call, request) -> response`."""
    return _register(path, Cardinality.UNARY_UNARY)


def server_stream(path: str) -> Callable[[H], H]:
    """`async def handler(call, request)`, an async generator of responses."""
    return _register(path, Cardinality.UNARY_STREAM)


def client_stream(path: str) -> Callable[[H], H]:
    """`async def handler(call, requests) -> response`; `requests` is an async iterator."""
    return _register(path, Cardinality.STREAM_UNARY)


def bidi(path: str) -> Callable[[H], H]:
    """`async def handler(call, requests)`, an async generator; `requests` is an async iterator."""
    return _register(path, Cardinality.STREAM_STREAM)


def handler_modules(package: str = API_PACKAGE) -> list[str]:
    """Names of the modules of `package`; importing one registers its handlers."""
    return sorted(children(package))


def load_handlers(package: str = API_PACKAGE) -> None:
    """Import every module of `package`."""
    for name in handler_modules(package):
        importlib.import_module(name)


def registered() -> Mapping[str, Method]:
    """Methods that have a handler, by path."""
    return dict(_methods)


def contract_methods(proto_modules: Iterable[str] = PROTO_MODULES) -> frozenset[str]:
    """Paths of all methods that the .proto files define for machined, with a handler or without."""
    modules = [importlib.import_module(f"talos.api.{name}") for name in proto_modules]
    return frozenset(
        f"/{service.full_name}/{method.name}"
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    )


def roles_of(metadata: Any) -> frozenset[str]:
    """Roles in the metadata of a call: the key may repeat, a value may hold several with commas."""
    values = metadata.getall(ROLE_KEY, ()) if metadata is not None else ()
    return frozenset(role.strip() for value in values for role in value.split(",") if role.strip())


class MachineApi:
    """Everything grpclib serves on the node's own socket: `Server([MachineApi(node, authorize)])`.

    `complete` imports the handlers that are not there yet; who calls a method of one of them waits for it.
    """

    def __init__(
        self,
        node: Node,
        authorize: Authorize,
        proto_modules: Iterable[str] = PROTO_MODULES,
        complete: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._node = node
        self._authorize = authorize
        self._complete = complete
        self._table: dict[str, GrpclibHandler] = {}
        for name in proto_modules:
            module = importlib.import_module(f"talos.api.{name}")
            for service in module.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    self._add(f"/{service.full_name}/{method.name}", method)
        self.check_handlers()

    def check_handlers(self) -> None:
        """ValueError: a handler that is imported is not what the contract says."""
        unknown = set(_methods) - set(self._table)
        if unknown:
            raise ValueError(f"handlers for methods that no loaded .proto defines: {sorted(unknown)}")
        for path, method in _methods.items():
            if method.cardinality is not (wanted := self._table[path].cardinality):
                raise ValueError(f"{path} is {wanted.name} in the contract, its handler {method.cardinality.name}")

    def __mapping__(self) -> dict[str, GrpclibHandler]:
        return self._table

    def _add(self, path: str, method: Any) -> None:
        cardinality = _CARDINALITY[bool(method.client_streaming), bool(method.server_streaming)]
        self._table[path] = GrpclibHandler(
            functools.partial(self._serve, path, cardinality),
            cardinality,
            message_factory.GetMessageClass(method.input_type),
            message_factory.GetMessageClass(method.output_type),
        )

    async def _handler(self, path: str) -> Callable[..., Any]:
        method = _methods.get(path)
        if method is None and self._complete is not None:
            await self._complete()
            method = _methods.get(path)
        return _unimplemented if method is None else method.handler

    async def _serve(self, path: str, cardinality: Cardinality, stream: Stream[Any, Any]) -> None:
        metadata = {key: value for key, value in (stream.metadata or {}).items() if isinstance(value, str)}
        call = Call(self._node, path, roles_of(stream.metadata), metadata, stream)
        if path in rbac.UNAUDITED:
            await self._answer(call, cardinality, stream, None)
            return
        record = self._node.audited.begin(path, call.roles, call.caller, metadata, stream.user_agent or "")
        try:
            await self._answer(call, cardinality, stream, record)
        except GRPCError as error:
            # As grpclib would answer it, with a trailer more.
            record.ended(error.status.value, error.message or "")
            # here: a link has none of these, and its calls come before HTTP/2 is loaded
            from h2.exceptions import StreamClosedError

            with contextlib.suppress(StreamClosedError):
                await stream.send_trailing_metadata(
                    status=error.status,
                    status_message=error.message,
                    status_details=error.details,
                    metadata=AUDITED,
                )
        except asyncio.CancelledError:
            late = stream.deadline is not None and stream.deadline.time_remaining() <= 0
            record.ended((Status.DEADLINE_EXCEEDED if late else Status.CANCELLED).value, "")
            raise
        except BaseException as error:
            record.ended(Status.UNKNOWN.value, _text(error))
            raise

    async def _answer(
        self,
        call: Call,
        cardinality: Cardinality,
        stream: Stream[Any, Any],
        record: CallRecord | None,
    ) -> None:
        if not self._authorize(call.method, call.roles, self._node.in_maintenance):
            raise GRPCError(Status.PERMISSION_DENIED, "not authorized")
        call.refuse_ungranted()
        handler = await self._handler(call.method)
        try:
            argument: Any
            if cardinality.client_streaming:
                argument = stream.__aiter__()
            else:
                argument = await stream.recv_message()
                if argument is None:
                    raise GRPCError(Status.INTERNAL, "the request ended before its message")
            if record is not None:
                await record.carried_out(None if cardinality.client_streaming else argument)
            if handler is _unimplemented:
                await _unimplemented(call, argument)
            if cardinality.server_streaming:
                responses = handler(call, argument)
                try:
                    async for response in responses:
                        await stream.send_message(response)
                finally:
                    await responses.aclose()
                response = None
            else:
                response = await handler(call, argument)
            if record is not None:
                record.ended(Status.OK.value, "")
            if response is not None:
                await stream.send_message(response)
            if record is not None:
                await stream.send_trailing_metadata(metadata=AUDITED)
        except GRPCError:
            raise
        except (ConnectionError, OSError) as error:
            # A broken stream is the client's business; any other system error is the answer.
            if isinstance(error, ConnectionError):
                raise
            raise GRPCError(_status_of(error), _text(error)) from error
        except Exception as error:
            log.exception("%s failed", call.method)
            raise GRPCError(Status.UNKNOWN, _text(error)) from error


_CARDINALITY = {
    (False, False): Cardinality.UNARY_UNARY,
    (False, True): Cardinality.UNARY_STREAM,
    (True, False): Cardinality.STREAM_UNARY,
    (True, True): Cardinality.STREAM_STREAM,
}


async def _unimplemented(call: Call, _request: Any) -> Message:
    raise GRPCError(Status.UNIMPLEMENTED, f"{call.method} is not carried out by this version of the node")


def _status_of(error: OSError) -> Status:
    if isinstance(error, FileNotFoundError):
        return Status.NOT_FOUND
    if isinstance(error, PermissionError):
        return Status.PERMISSION_DENIED
    return Status.UNKNOWN


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__

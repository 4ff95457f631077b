"""cosi.resource.State on top of the store: what is asked, who may ask is the caller's `Access`.

Raises errors of talos.state; `status_of` gives the gRPC status that clients expect for each.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from grpclib import GRPCError, Status

from talos.api import cosi_resource_pb2 as pb
from talos.state.errors import (
    AccessError,
    AlreadyExistsError,
    BookmarkError,
    ConflictError,
    NotFoundError,
    OwnerError,
    PendingFinalizersError,
    PhaseError,
    StateError,
    UnknownTypeError,
    WatchOverflowError,
)
from talos.state.inmemory import InMemoryState
from talos.state.query import matches
from talos.state.resource import AnyResource, Phase
from talos.state.spec import Spec, kind_of
from talos.state.watch import Event, EventKind
from talos.state.wire import Codec, decode_queries, decode_resource, encode_metadata, encode_resource

_STATUS: dict[type[StateError], Status] = {
    NotFoundError: Status.NOT_FOUND,
    AlreadyExistsError: Status.ALREADY_EXISTS,
    OwnerError: Status.PERMISSION_DENIED,
    AccessError: Status.PERMISSION_DENIED,
    UnknownTypeError: Status.PERMISSION_DENIED,
    PhaseError: Status.INVALID_ARGUMENT,
    ConflictError: Status.FAILED_PRECONDITION,
    PendingFinalizersError: Status.FAILED_PRECONDITION,
    WatchOverflowError: Status.UNAVAILABLE,
    BookmarkError: Status.FAILED_PRECONDITION,
}
_EVENTS = {
    EventKind.CREATED: pb.EventType.CREATED,
    EventKind.UPDATED: pb.EventType.UPDATED,
    EventKind.DESTROYED: pb.EventType.DESTROYED,
    EventKind.BOOTSTRAPPED: pb.EventType.BOOTSTRAPPED,
    EventKind.NOOP: pb.EventType.NOOP,
}


def status_of(error: StateError) -> Status:
    """The gRPC status of an error of the state."""
    return _STATUS.get(type(error), Status.UNKNOWN)


class Access(Protocol):
    """What a caller may do; each raises AccessError."""

    def read(self, kind: type[Spec], namespace: str) -> None:
        """Get, list or watch."""

    def write(self, kind: type[Spec], namespace: str, owner: str) -> None:
        """Create, update, destroy or tear down as this owner."""

    def hold(self, kind: type[Spec], namespace: str) -> None:
        """Add or remove finalizers of a resource that it does not own."""


class StateServer:
    """The methods of cosi.resource.State."""

    def __init__(self, state: InMemoryState, codec: Codec, prepare: Callable[[type[Spec]], None] | None = None) -> None:
        self._state = state
        self._codec = codec
        self._prepare = prepare

    def _kind(self, type_name: str) -> type[Spec]:
        kind = kind_of(type_name)
        if self._prepare is not None:
            self._prepare(kind)
        return kind

    async def get(self, request: pb.GetRequest, access: Access) -> pb.GetResponse:
        """One resource."""
        kind = self._kind(request.type)
        access.read(kind, request.namespace)
        response = pb.GetResponse()
        resource = await self._state.get(kind, request.id, namespace=request.namespace)
        encode_resource(resource, self._codec, response.resource)
        return response

    async def list(self, request: pb.ListRequest, access: Access) -> AsyncIterator[pb.ListResponse]:
        """All resources of a kind, one a message."""
        kind = self._kind(request.type)
        access.read(kind, request.namespace)
        queries = decode_queries(request.options.label_query)
        wanted = _id_filter(request.options.id_query)
        for resource in self._state.peek(kind, request.namespace):
            if matches(queries, resource.md.labels) and wanted(resource.id):
                response = pb.ListResponse()
                encode_resource(resource, self._codec, response.resource)
                yield response

    async def watch(self, request: pb.WatchRequest, access: Access) -> AsyncIterator[pb.WatchResponse]:
        """Events; the first message is empty: the watch stands."""
        kind = self._kind(request.type)
        access.read(kind, request.namespace)
        options = request.options
        id = request.id if request.HasField("id") else None
        _check_combination(options, by_id=id is not None)
        wanted = _id_filter(options.id_query)
        modern = request.api_version >= 1
        async with self._state.watch(
            kind,
            id,
            namespace=request.namespace,
            labels=decode_queries(options.label_query),
            bootstrap=options.bootstrap_contents,
            tail=options.tail_events,
            after=options.start_from_bookmark if options.HasField("start_from_bookmark") else None,
            mark=options.bootstrap_bookmark,
        ) as events:
            yield pb.WatchResponse()
            try:
                async for event in events:
                    batch = [event, *events.drain()] if options.aggregated else [event]
                    chosen = [e for e in batch if _is_wanted(e, wanted, modern)]
                    if chosen:
                        response = pb.WatchResponse()
                        for e in chosen:
                            self._encode_event(e, response.event.add())
                        yield response
            except WatchOverflowError as error:
                if not modern:
                    raise
                yield pb.WatchResponse(event=[pb.Event(event_type=pb.EventType.ERRORED, error=str(error))])

    def _encode_event(self, event: Event[Any], target: pb.Event) -> None:
        target.event_type = _EVENTS[event.kind]
        if event.bookmark:
            target.bookmark = event.bookmark
        resource, old = event.shared()
        if resource is not None:
            encode_resource(resource, self._codec, target.resource)
        elif event.md is not None:
            encode_metadata(event.md, target.resource.metadata)
        if old is not None:
            encode_resource(old, self._codec, target.old)

    async def create(self, request: pb.CreateRequest, access: Access) -> pb.CreateResponse:
        """Store a new resource."""
        resource, kind = self._incoming(request.resource)
        access.write(kind, resource.md.namespace, request.options.owner)
        stored = await self._state.create(resource, owner=request.options.owner)
        response = pb.CreateResponse()
        encode_resource(stored, self._codec, response.resource)
        return response

    async def update(self, request: pb.UpdateRequest, access: Access) -> pb.UpdateResponse:
        """Replace a resource; whoever only holds it may change nothing but its finalizers."""
        resource, kind = self._incoming(request.new_resource)
        owner = request.options.owner
        if await self._only_finalizers(kind, resource):
            access.hold(kind, resource.md.namespace)
        else:
            access.write(kind, resource.md.namespace, owner)
        expected = request.options.expected_phase if request.options.HasField("expected_phase") else ""
        stored = await self._state.update(resource, owner=owner, expected_phase=_phase(expected) if expected else None)
        response = pb.UpdateResponse()
        encode_resource(stored, self._codec, response.resource)
        return response

    async def _only_finalizers(self, kind: type[Spec], new: AnyResource) -> bool:
        current = await self._state.get_or_none(kind, new.id, namespace=new.md.namespace)
        if current is None or current.md.finalizers == new.md.finalizers:
            return False
        same = (current.md.labels, current.md.annotations, current.md.phase, current.spec)
        return same == (new.md.labels, new.md.annotations, new.md.phase, new.spec)

    async def destroy(self, request: pb.DestroyRequest, access: Access) -> pb.DestroyResponse:
        """Remove a resource."""
        kind = self._writable(request.type, request.namespace, request.options.owner, access)
        await self._state.destroy(kind, request.id, owner=request.options.owner, namespace=request.namespace)
        return pb.DestroyResponse()

    async def teardown(self, request: pb.TeardownRequest, access: Access) -> pb.TeardownResponse:
        """Ask the holders of a resource to let go."""
        kind = self._writable(request.type, request.namespace, request.options.owner, access)
        ready = await self._state.teardown(kind, request.id, owner=request.options.owner, namespace=request.namespace)
        return pb.TeardownResponse(destroy_ready=ready)

    async def teardown_and_destroy(
        self, request: pb.TeardownAndDestroyRequest, access: Access
    ) -> pb.TeardownAndDestroyResponse:
        """Tear down, wait until nobody holds it, destroy."""
        owner = request.options.owner
        kind = self._writable(request.type, request.namespace, owner, access)
        freed = asyncio.Event()
        subscription = self._state.subscribe(kind, freed.set, id=request.id, namespace=request.namespace)
        try:
            while not await self._state.teardown(kind, request.id, owner=owner, namespace=request.namespace):
                await freed.wait()
                freed.clear()
            await self._state.destroy(kind, request.id, owner=owner, namespace=request.namespace)
        finally:
            subscription.close()
        return pb.TeardownAndDestroyResponse()

    def _writable(self, type_name: str, namespace: str, owner: str, access: Access) -> type[Spec]:
        kind = kind_of(type_name)
        access.write(kind, namespace, owner)
        return kind

    def _incoming(self, message: pb.Resource) -> tuple[AnyResource, type[Spec]]:
        if not message.HasField("metadata"):
            raise GRPCError(Status.UNKNOWN, "metadata is missing")
        kind = kind_of(message.metadata.type)
        try:
            return decode_resource(message, kind, self._codec), kind
        except ValueError as error:
            raise GRPCError(
                Status.INVALID_ARGUMENT, f"{message.metadata.type}({message.metadata.id}): {error}"
            ) from error


def _check_combination(options: pb.WatchOptions, by_id: bool) -> None:
    if by_id and (
        options.bootstrap_contents or options.bootstrap_bookmark or options.label_query or options.HasField("id_query")
    ):
        raise GRPCError(Status.UNIMPLEMENTED, "bootstrap contents and queries are not supported for a watch by id")
    begins = (options.bootstrap_contents, options.tail_events > 0, options.HasField("start_from_bookmark"))
    if sum(begins) > 1:
        raise GRPCError(
            Status.INVALID_ARGUMENT, "bootstrap contents, tail events and a bookmark exclude one another: give one"
        )


def _phase(text: str) -> Phase:
    try:
        return Phase(text)
    except ValueError:
        raise GRPCError(Status.INVALID_ARGUMENT, f"phase {text!r} is neither running nor tearingDown") from None


def _is_wanted(event: Event[Any], wanted: Callable[[str], bool], modern: bool) -> bool:
    if event.kind in (EventKind.BOOTSTRAPPED, EventKind.NOOP):
        return modern
    return event.md is None or wanted(event.md.id)


_MAX_QUERY = 256
_MAX_REPEATS = 2
_MAX_CHOICES = 10
_REPEATED_GROUP = re.compile(r"\)\s*[*+{]")


def _is_simple(expression: str) -> bool:
    """Python's matching takes exponential time for some expressions, and holds up every call of the node meanwhile;
    clients, who know RE2's linear time, may send any. Escaped characters count too: refusing one more is harmless."""
    return (
        len(expression) <= _MAX_QUERY
        and sum(map(expression.count, "*+{")) <= _MAX_REPEATS
        and sum(map(expression.count, "?|")) <= _MAX_CHOICES
        and _REPEATED_GROUP.search(expression) is None
    )


def _id_filter(query: pb.IDQuery) -> Callable[[str], bool]:
    if not query.regexp:
        return lambda id: True
    if not _is_simple(query.regexp):
        raise GRPCError(
            Status.INVALID_ARGUMENT,
            f"id query {query.regexp[:64]!r}: at most {_MAX_REPEATS} repetitions, none of a group, "
            f"{_MAX_CHOICES} choices and {_MAX_QUERY} characters: use a simpler expression, or filter the answer",
        )
    try:
        pattern = re.compile(query.regexp)
    except (re.error, OverflowError, RecursionError) as error:
        raise GRPCError(Status.INVALID_ARGUMENT, f"id query {query.regexp!r}: {error}") from error
    return lambda id: pattern.search(id) is not None

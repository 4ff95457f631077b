"""The state of machined, seen from another process of the node.

Every primitive is one call over the unix socket; what is derived (modify, wait_for, …)
is shared with the in-process store. Types that somebody subscribed to are read from a
Follower. machined may be killed at any moment: calls then raise UnavailableError,
watches end with it, subscriptions come back by themselves and notify, so that
controllers read everything again.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from grpclib.const import Status

from talos.api import cosi_resource_pb2 as pb
from talos.state import errors
from talos.state.backoff import Backoff
from talos.state.clock import Clock, LoopClock
from talos.state.errors import NotFoundError, StateError, UnavailableError, UnknownTypeError
from talos.state.follower import Follower
from talos.state.interface import Labels, State, Subscription
from talos.state.query import as_query, matches
from talos.state.resource import Metadata, Phase, Resource, S
from talos.state.socket import ERROR_KEY, SERVICE
from talos.state.spec import Spec, definition
from talos.state.watch import BUFFER, Event, EventKind, Watch
from talos.state.wire import JsonCodec, decode_metadata, decode_resource, encode_queries, encode_resource
from talos.transport.calls import CallError
from talos.transport.link import LinkStream
from talos.transport.link_client import MachineLink

log = logging.getLogger("state")
_KINDS = {
    pb.EventType.CREATED: EventKind.CREATED,
    pb.EventType.UPDATED: EventKind.UPDATED,
    pb.EventType.DESTROYED: EventKind.DESTROYED,
    pb.EventType.BOOTSTRAPPED: EventKind.BOOTSTRAPPED,
}


class RemoteState(State):
    """A client of talos.state.socket. Close it when done."""

    def __init__(self, path: str | os.PathLike[str], clock: Clock | None = None, *, buffer: int = BUFFER) -> None:
        self._path = os.fspath(path)
        self._clock = clock or LoopClock()
        self._buffer = buffer
        self._codec = JsonCodec()
        self._link = MachineLink(self._path)
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost = False
        self._returns: dict[_Return, None] = {}
        self._followers: dict[tuple[type[Spec], str], Follower] = {}

    # -- calls --

    async def _begin(self, method: str, request: Any) -> tuple[LinkStream, Callable[[], None]]:
        """Send the request of a call. The returned function must be called when the stream is done with. CallError."""
        stream, over = await self._link.open(SERVICE + method, [])
        try:
            await stream.send_message(request.SerializeToString(), end=True)
        except BaseException:
            over()
            raise
        return stream, over

    async def _answers(self, method: str, request: Any) -> AsyncGenerator[bytes, None]:
        """The messages of one call. UnavailableError, or the error that the other side raised."""
        try:
            stream, over = await self._begin(method, request)
            try:
                while (message := await stream.inbox.message()) is not None:
                    yield message
            finally:
                over()
        except CallError as error:
            raise self._unavailable(error.text) from error
        self._judge(stream)

    async def _call(self, method: str, request: Any, response: Any) -> Any:
        try:
            stream, over = await self._begin(method, request)
            try:
                answer = await stream.inbox.message()
                if answer is not None and stream.status is None:
                    await stream.inbox.message()  # its end
            finally:
                over()
        except CallError as error:
            raise self._unavailable(error.text) from error
        self._judge(stream)
        return response.FromString(answer)

    def _unavailable(self, text: str) -> UnavailableError:
        return UnavailableError(f"no connection to {self._path}: {text}")

    def _judge(self, stream: LinkStream) -> None:
        """Raise what the call ended with."""
        assert stream.status is not None, "messages end with a status"
        code, text, metadata = stream.status
        if code == Status.OK.value:
            return
        if code == Status.UNAVAILABLE.value:
            raise self._unavailable(text)
        found = getattr(errors, dict(metadata).get(ERROR_KEY, ""), None)
        if isinstance(found, type) and issubclass(found, StateError):
            raise found(text)
        raise StateError(f"{Status(code).name}: {text}")

    async def ready(self) -> None:
        """Return when machined answers."""
        backoff = Backoff(first=0.02, factor=1.5, limit=0.5)
        while True:
            try:
                # any question does: the answer "unknown type" also comes from machined
                await self._call("Get", pb.GetRequest(type="-"), pb.GetResponse)
            except UnknownTypeError:
                return
            except UnavailableError:
                await self._clock.sleep(backoff.next())

    async def close(self) -> None:
        """End all watches and the connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._link.close()

    async def __aenter__(self) -> RemoteState:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- primitives --

    async def get(self, kind: type[S], id: str, *, namespace: str | None = None) -> Resource[S]:
        follower = self._known(kind, namespace)
        if follower is None:
            return await self._ask(kind, id, namespace=namespace)
        found = follower.resources.get(id)
        if found is None:
            missing = Metadata(namespace=_namespace(kind, namespace), type=definition(kind).type, id=id)
            raise NotFoundError(f"resource {missing} doesn't exist")
        return found.copy()

    async def _ask(self, kind: type[S], id: str, *, namespace: str | None = None) -> Resource[S]:
        request = pb.GetRequest(namespace=_namespace(kind, namespace), type=definition(kind).type, id=id)
        answer = await self._call("Get", request, pb.GetResponse)
        return decode_resource(answer.resource, kind, self._codec)

    async def list(
        self, kind: type[S], *, namespace: str | None = None, labels: Labels = None
    ) -> builtins.list[Resource[S]]:
        follower = self._known(kind, namespace)
        if follower is not None:
            queries, known = as_query(labels), follower.resources
            return [known[id].copy() for id in sorted(known) if matches(queries, known[id].md.labels)]
        request = pb.ListRequest(
            namespace=_namespace(kind, namespace),
            type=definition(kind).type,
            options=pb.ListOptions(label_query=encode_queries(as_query(labels))),
        )
        async with aclosing(self._answers("List", request)) as answers:
            return [decode_resource(pb.ListResponse.FromString(a).resource, kind, self._codec) async for a in answers]

    async def create(self, resource: Resource[S], *, owner: str = "") -> Resource[S]:
        request = pb.CreateRequest(options=pb.CreateOptions(owner=owner))
        encode_resource(resource, self._codec, request.resource)
        return self._stored(resource.kind, await self._call("Create", request, pb.CreateResponse))

    async def update(
        self, resource: Resource[S], *, owner: str = "", expected_phase: Phase | None = Phase.RUNNING
    ) -> Resource[S]:
        options = pb.UpdateOptions(owner=owner)
        if expected_phase is not None:
            options.expected_phase = expected_phase.value
        request = pb.UpdateRequest(options=options)
        encode_resource(resource, self._codec, request.new_resource)
        return self._stored(resource.kind, await self._call("Update", request, pb.UpdateResponse))

    def _stored(self, kind: type[S], answer: Any) -> Resource[S]:
        resource: Resource[S] = decode_resource(answer.resource, kind, self._codec)
        follower = self._known(kind, resource.md.namespace)
        if follower is not None:
            follower.written(resource)
        return resource

    async def destroy(self, kind: type[Spec], id: str, *, owner: str = "", namespace: str | None = None) -> None:
        request = pb.DestroyRequest(
            namespace=_namespace(kind, namespace),
            type=definition(kind).type,
            id=id,
            options=pb.DestroyOptions(owner=owner),
        )
        await self._call("Destroy", request, pb.DestroyResponse)
        follower = self._known(kind, namespace)
        if follower is not None:
            follower.destroyed(id)

    # -- watches --

    def watch(
        self,
        kind: type[S],
        id: str | None = None,
        *,
        namespace: str | None = None,
        labels: Labels = None,
        bootstrap: bool = True,
    ) -> Watch[S]:
        request = self._watch_request(kind, id, namespace, labels, bootstrap)
        watch: Watch[S] = Watch(buffer=self._buffer, on_close=lambda _: _cancel(task))
        task = self._spawn(self._follow(request, kind, watch.push, watch.fail))
        return watch

    def _watch_request(
        self, kind: type[Spec], id: str | None, namespace: str | None, labels: Labels, bootstrap: bool
    ) -> pb.WatchRequest:
        options = pb.WatchOptions(aggregated=True)
        if id is None:
            options.bootstrap_contents = bootstrap
            options.label_query.extend(encode_queries(as_query(labels)))
        return pb.WatchRequest(
            namespace=_namespace(kind, namespace), type=definition(kind).type, id=id, options=options, api_version=1
        )

    def _spawn(self, coro: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coro, name=f"state {self._path}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _follow(
        self,
        request: pb.WatchRequest,
        kind: type[Spec],
        push: Callable[[Event[Any]], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        """Hand the events of one call to push; its end, for whatever reason, to fail."""
        try:
            async with aclosing(self._answers("Watch", request)) as answers:
                async for answer in answers:
                    for event in pb.WatchResponse.FromString(answer).event:
                        push(self._decode_event(event, kind))
            fail(UnavailableError(f"the watch on {request.type} ended"))
        except StateError as error:
            fail(error)

    def _decode_event(self, event: pb.Event, kind: type[Spec]) -> Event[Any]:
        if event.event_type == pb.EventType.ERRORED:
            raise errors.WatchOverflowError(event.error)
        what = _KINDS[event.event_type]
        if what is EventKind.BOOTSTRAPPED:
            return Event(what)
        if not event.resource.HasField("spec"):
            return Event(what, md=decode_metadata(event.resource.metadata))
        old = decode_resource(event.old, kind, self._codec) if event.HasField("old") else None
        return Event(what, decode_resource(event.resource, kind, self._codec), old)

    async def wait_for(
        self,
        kind: type[S],
        id: str,
        predicate: Callable[[Resource[S]], bool] | None = None,
        *,
        namespace: str | None = None,
    ) -> Resource[S]:
        while True:
            with contextlib.suppress(UnavailableError):
                return await super().wait_for(kind, id, predicate, namespace=namespace)
            await self.ready()

    async def wait_gone(self, kind: type[Spec], id: str, *, namespace: str | None = None) -> None:
        while True:
            with contextlib.suppress(UnavailableError):
                return await super().wait_gone(kind, id, namespace=namespace)
            await self.ready()

    # -- following --

    def subscribe(
        self, kind: type[Spec], notify: Callable[[], None], *, id: str | None = None, namespace: str | None = None
    ) -> Subscription:
        return self._follower(kind, _namespace(kind, namespace)).add(notify, id)

    def follow(self, kind: type[Spec], namespace: str | None = None) -> None:
        self._follower(kind, _namespace(kind, namespace))

    def on_return(self, notify: Callable[[], None]) -> Subscription:
        listener = _Return(self._returns, notify)
        self._returns[listener] = None
        return listener

    def _returned(self) -> None:
        if self._lost:
            self._lost = False
            for listener in builtins.list(self._returns):
                listener.notify()

    async def settle(self) -> None:
        for follower in list(self._followers.values()):
            await follower.standing.wait()

    def _follower(self, kind: type[Spec], namespace: str) -> Follower:
        follower = self._followers.get((kind, namespace))
        if follower is None:
            # one watch for a whole type serves all ids: streams of a connection are limited, types are few
            follower = self._followers[kind, namespace] = Follower()
            request = self._watch_request(kind, None, namespace, None, bootstrap=True)
            follower.task = self._spawn(self._keep_following(request, kind, follower))
        return follower

    async def _keep_following(self, request: pb.WatchRequest, kind: type[Spec], follower: Follower) -> None:
        def take(event: Event[Any]) -> None:
            follower.apply(event)
            if event.kind is EventKind.BOOTSTRAPPED:
                self._returned()

        while True:
            ends: builtins.list[BaseException] = []
            await self._follow(request, kind, take, ends.append)
            follower.broken()
            if not isinstance(ends[0], UnavailableError | errors.WatchOverflowError):
                log.error("cannot follow %s: %s", request.type, ends[0])
                follower.refused()
                return
            self._lost = True
            await self.ready()

    def _known(self, kind: type[Spec], namespace: str | None) -> Follower | None:
        follower = self._followers.get((kind, _namespace(kind, namespace)))
        return follower if follower is not None and follower.loaded else None

    async def current(self, kind: type[S], id: str, namespace: str | None, *, fresh: bool) -> Resource[S]:
        return await (self._ask if fresh else self.get)(kind, id, namespace=namespace)


class _Return:
    """A listener of on_return."""

    def __init__(self, listeners: dict[_Return, None], notify: Callable[[], None]) -> None:
        self._listeners = listeners
        self.notify = notify

    def close(self) -> None:
        self._listeners.pop(self, None)


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _namespace(kind: type[Spec], namespace: str | None) -> str:
    return definition(kind).namespace if namespace is None else namespace

"""What a controller sees of the node: `Runtime` (rt), checked against its declarations.

rt.wake() only sets a flag and wakes the controller's task: any number of changes
while it works make one more run. A sleeping controller is one suspended task and
its subscriptions, no queue, no timer, no poll.
"""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from typing import Any

from talos.state.backoff import Backoff
from talos.state.clock import Clock, LoopClock, Timer
from talos.state.controller import Controller, InputStrength
from talos.state.errors import AccessError, NotFoundError
from talos.state.interface import Labels, State, Subscription
from talos.state.resource import Phase, Resource, S
from talos.state.spec import Spec, definition
from talos.state.watch import Watch


class Runtime:
    """The state as one controller may use it, and its schedule. Owner of all writes is the controller's name."""

    def __init__(self, controller: Controller, state: State, env: Any, *, clock: Clock | None = None) -> None:
        self.env = env
        """NodeEnvironment of the process: mode, platform, clock, paths"""
        self.log = logging.getLogger(f"controller-runtime.{controller.name}")
        self.name = controller.name
        self.clock: Clock = clock or getattr(env, "clock", None) or LoopClock()
        self.backoff = Backoff()
        self._state = state
        self._inputs = controller.inputs
        self._outputs = {output.kind for output in controller.outputs}
        self._subscriptions: dict[tuple[type[Spec], str | None, str | None], Subscription] = {}
        self._return: Subscription | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: asyncio.Future[None] | None = None
        self._timer: Timer | None = None
        self._due = 0.0
        self._dirty = True
        self._waiter: asyncio.Future[None] | None = None

    # -- schedule --

    def wake(self) -> None:
        """Queue one more run."""
        self._dirty = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def trigger(self) -> None:
        """Queue one more run of this controller."""
        self.wake()

    def requeue_after(self, seconds: float) -> None:
        """Queue a run in so many seconds; of several calls the earliest counts."""
        due = self.clock.monotonic() + seconds
        if self._timer is not None:
            if due >= self._due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self.clock.call_later(max(seconds, 0.0), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self.wake()

    def events(self) -> AsyncIterator[None]:
        """Yields once at start and after every (coalesced) change of an input, trigger or requeue."""
        return _Events(self)

    async def _changed(self) -> None:
        while not self._dirty:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._dirty = False

    def spawn(self, coro: Coroutine[Any, Any, Any], *, name: str | None = None) -> asyncio.Task[Any]:
        """Run a task that is cancelled when the controller ends or fails, and whose failure fails it."""
        label = name or f"{self.name}/{getattr(coro, '__name__', 'task')}"
        task = asyncio.get_running_loop().create_task(coro, name=label)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    # -- reading --

    async def get(self, kind: type[S], id: str, *, namespace: str | None = None) -> Resource[S]:
        """One resource. NotFoundError."""
        self._may_read(kind, id, namespace)
        return await self._state.get(kind, id, namespace=namespace)

    async def get_or_none(self, kind: type[S], id: str, *, namespace: str | None = None) -> Resource[S] | None:
        """One resource, or None."""
        self._may_read(kind, id, namespace)
        return await self._state.get_or_none(kind, id, namespace=namespace)

    async def list(
        self, kind: type[S], *, namespace: str | None = None, labels: Labels = None
    ) -> builtins.list[Resource[S]]:
        """All resources of a kind, by id."""
        self._may_read(kind, None, namespace)
        return await self._state.list(kind, namespace=namespace, labels=labels)

    def watch(self, kind: type[S], id: str | None = None, *, namespace: str | None = None) -> Watch[S]:
        """Events of a declared type, for long-lived work; a plain controller is woken anyway."""
        self._may_read(kind, id, namespace)
        return self._state.watch(kind, id, namespace=namespace)

    async def wait_for(
        self,
        kind: type[S],
        id: str,
        predicate: Callable[[Resource[S]], bool] | None = None,
        *,
        namespace: str | None = None,
    ) -> Resource[S]:
        """The current or the first future value that satisfies predicate(resource)."""
        self._may_read(kind, id, namespace)
        return await self._state.wait_for(kind, id, predicate, namespace=namespace)

    # -- writing --

    async def create(self, resource: Resource[S]) -> Resource[S]:
        """Store a new output. AlreadyExistsError."""
        self._may_write(resource.kind, resource.md.namespace)
        return await self._state.create(resource, owner=self.name)

    async def update(self, resource: Resource[S], *, expected_phase: Phase | None = Phase.RUNNING) -> Resource[S]:
        """Replace an output that was read before. ConflictError, OwnerError, PhaseError."""
        self._may_write(resource.kind, resource.md.namespace)
        return await self._state.update(resource, owner=self.name, expected_phase=expected_phase)

    async def modify(
        self,
        kind: type[S],
        id: str,
        change: Callable[[S], Any],
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        expected_phase: Phase | None = Phase.RUNNING,
    ) -> Resource[S]:
        """Create or update an output; nothing is written when nothing changed."""
        self._may_write(kind, namespace)
        return await self._state.modify(
            kind,
            id,
            change,
            owner=self.name,
            namespace=namespace,
            labels=labels,
            annotations=annotations,
            expected_phase=expected_phase,
        )

    async def teardown(self, kind: type[Spec], id: str, *, namespace: str | None = None) -> bool:
        """Begin to remove an output. True: nobody holds it. False: a run follows when it changes."""
        self._may_write(kind, namespace)
        if not await self._state.teardown(kind, id, owner=self.name, namespace=namespace):
            # asked again once subscribed: the last finalizer may have gone in between
            self._subscribe(kind, id, namespace)
            await self._state.settle()
            return await self._state.teardown(kind, id, owner=self.name, namespace=namespace)
        return True

    async def destroy(self, kind: type[Spec], id: str, *, namespace: str | None = None) -> None:
        """Remove an output. NotFoundError, PendingFinalizersError."""
        self._may_write(kind, namespace)
        await self._state.destroy(kind, id, owner=self.name, namespace=namespace)
        self._unsubscribe(kind, id, namespace)

    async def remove(self, kind: type[Spec], id: str, *, namespace: str | None = None) -> bool:
        """teardown and, if nobody holds it, destroy. True when the output is gone, also if it never was."""
        try:
            if not await self.teardown(kind, id, namespace=namespace):
                return False
            await self.destroy(kind, id, namespace=namespace)
        except NotFoundError:
            pass
        return True

    async def keep_only(self, kind: type[Spec], ids: Iterable[str], *, namespace: str | None = None) -> None:
        """Remove the outputs of this controller whose id is not in ids.

        One that is still held by a finalizer stays, being torn down; the controller runs
        again when that changes.
        """
        self._may_write(kind, namespace)
        keep = set(ids)
        for resource in await self._state.list(kind, namespace=namespace):
            if resource.md.owner == self.name and resource.id not in keep:
                await self.remove(kind, resource.id, namespace=namespace)

    async def add_finalizer(self, resource: Resource[S]) -> Resource[S]:
        """Hold an input that this controller declares STRONG, under the controller's name."""
        self._may_hold(resource)
        return await self._state.add_finalizer(resource, self.name)

    async def remove_finalizer(self, resource: Resource[S]) -> Resource[S]:
        """Let go of an input."""
        self._may_hold(resource)
        return await self._state.remove_finalizer(resource, self.name)

    # -- declarations --

    def _may_read(self, kind: type[Spec], id: str | None, namespace: str | None) -> None:
        if kind in self._outputs:
            self._state.follow(kind, namespace)
            return
        wanted = definition(kind).namespace if namespace is None else namespace
        for item in self._inputs:
            if item.kind is kind and item.resolved_namespace == wanted and item.id in (None, id):
                return
        what = f"{definition(kind).type} in namespace {wanted}" + (f" id {id}" if id else " (all of them)")
        raise AccessError(f"{self.name} reads {what} without declaring it: add Input({kind.__name__}, …) to its inputs")

    def _may_write(self, kind: type[Spec], namespace: str | None) -> None:
        if kind in self._outputs:
            self._state.follow(kind, namespace)
        else:
            raise AccessError(
                f"{self.name} writes {definition(kind).type} without declaring it: "
                f"add Output({kind.__name__}, …) to its outputs"
            )

    def _may_hold(self, resource: Resource[Any]) -> None:
        for item in self._inputs:
            if item.kind is resource.kind and item.strength is not InputStrength.WEAK:
                return
        raise AccessError(
            f"{self.name} puts a finalizer on {resource.md.type} without declaring it: "
            f"make it Input({resource.kind.__name__}, STRONG)"
        )

    # -- used by the controller runtime --

    def _subscribe(self, kind: type[Spec], id: str | None, namespace: str | None) -> None:
        key = (kind, id, namespace)
        if key not in self._subscriptions:
            self._subscriptions[key] = self._state.subscribe(kind, self.wake, id=id, namespace=namespace)

    def _unsubscribe(self, kind: type[Spec], id: str | None, namespace: str | None) -> None:
        subscription = self._subscriptions.pop((kind, id, namespace), None)
        if subscription is not None:
            subscription.close()

    async def open(self) -> None:
        """Subscribe to the inputs; the first run follows in any case."""
        if self._return is None:
            # also for controllers that something else wakes (netlink, a timer): their outputs may be gone
            self._return = self._state.on_return(self.wake)
        for item in self._inputs:
            self._subscribe(item.kind, item.id, item.namespace)
        await self._state.settle()
        self._dirty = True

    async def supervise(self, main: Coroutine[Any, Any, None]) -> None:
        """Run main until it returns and its spawned tasks have ended, or one of them fails."""
        loop = asyncio.get_running_loop()
        failure: asyncio.Future[None] = loop.create_future()
        self._failure = failure
        task = loop.create_task(main, name=self.name)
        try:
            await asyncio.wait({task, failure}, return_when=asyncio.FIRST_COMPLETED)
            while not failure.done() and task.done() and task.exception() is None and self._tasks:
                await asyncio.wait({failure, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            if failure.done():
                await failure
            await task
        finally:
            await self._end_tasks(task)
            self._failure = None
            failure.cancel()

    async def _end_tasks(self, main: asyncio.Task[Any]) -> None:
        tasks = {main, *self._tasks}
        for task in tasks:
            task.cancel()
        # awaited with return_exceptions: what a task raises while being cancelled is not the failure's reason
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Give up all subscriptions."""
        for subscription in self._subscriptions.values():
            subscription.close()
        self._subscriptions.clear()
        if self._return is not None:
            self._return.close()
            self._return = None


class _Events:
    """An iterator, not a generator: a generator that a failing reader leaves behind is closed by a task of its own."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._started = False

    def __aiter__(self) -> _Events:
        return self

    async def __anext__(self) -> None:
        if self._started:
            # the reader came back without an exception: that run went well
            self._rt.backoff.reset()
        self._started = True
        await self._rt._changed()

"""grpclib's client channel, mended: a call that is lost or late leaves the cancellations of its task in order.

grpclib wakes the task that waits on such a call with `Task.cancel()` and raises its own error in place of
CancelledError, without `Task.uncancel()`. Two things go wrong then:

- The request stays counted. An `asyncio.timeout` around several calls, when it fires later, finds a cancellation that
  is not its own and lets CancelledError through instead of TimeoutError: nothing that handles errors handles that.
- A real cancellation that arrives in the same turn of the event loop is swallowed: the task goes on, and who waits for
  its end waits for ever.

And an answer that is complete is not lost when the server then stops the requests that nobody reads any more.

Rejected: a context manager around each call (it cannot know how many of the cancellations were grpclib's, which may
cancel several times for one loss), a task for each call (a third of a call's cost).
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any

from grpclib import client
from grpclib.exceptions import StreamTerminatedError
from grpclib.utils import DeadlineWrapper
from hyperframe.frame import Frame


def no_frame_texts() -> None:
    """h2 makes the text of every frame that arrives, its data as hexadecimal digits, for a log that nobody has switched
    on: a fifth of the time of a large read."""
    Frame.__repr__ = object.__repr__  # type: ignore[method-assign]


no_frame_texts()


class _Wrapper(DeadlineWrapper):
    """Cancels a waiting task once, takes that back, and lets pass what somebody else has asked for as well."""

    def __init__(self, call: client.Stream[Any, Any]) -> None:
        super().__init__()
        self._call = call
        self._counted: dict[asyncio.Task[Any], int] = {}
        self._woken: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> None:
        super().__enter__()
        for task in self._tasks:
            self._counted.setdefault(task, task.cancelling())

    def cancel(self, error: Exception) -> None:
        if isinstance(error, StreamTerminatedError) and getattr(self._call._stream, "trailers", None) is not None:
            # The server has said all and only wants no more requests (RFC 9113, 8.1): what it said is still to be read.
            return
        self._error = error
        for task in self._tasks - self._woken:
            self._woken.add(task)
            task.cancel()
        self.cancelled = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None, "__enter__ has refused to run outside a task"
        others = self._counted.pop(task, 0)
        if task in self._woken:
            self._woken.discard(task)
            if task.uncancel() > others:
                self._tasks.discard(task)
                if kind is not asyncio.CancelledError:
                    raise asyncio.CancelledError
                return
        super().__exit__(kind, error, trace)


class _Stream(client.Stream[Any, Any]):
    async def __aenter__(self) -> _Stream:
        """As the base class's, with the wrapper above."""
        wrapper = self._wrapper = _Wrapper(self)
        if self._deadline is not None:
            self._wrapper_ctx = wrapper.start(self._deadline)
            self._wrapper_ctx.__enter__()
        self._channel._calls_started += 1
        self._channel._last_call_started = time.monotonic()
        return self


class Channel(client.Channel):
    """As grpclib's; for every call of this project."""

    def request(self, *arguments: Any, **options: Any) -> client.Stream[Any, Any]:
        stream: client.Stream[Any, Any] = super().request(*arguments, **options)
        stream.__class__ = _Stream  # the base class has no hook for it, and its state is the same
        return stream

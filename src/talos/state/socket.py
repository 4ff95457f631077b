"""The state for other processes of the node: cosi.resource.State with writes on a unix socket, in the frames of a link.

The kernel says who calls; a caller proves nothing and can claim nothing. `access_of(uid)` decides what it may do. The
metadata of a call's end names the class of an error, so that the other side raises the same one.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from grpclib.const import Cardinality, Handler

from talos.api import cosi_resource_pb2 as pb
from talos.state.errors import AccessError, StateError
from talos.state.inmemory import InMemoryState
from talos.state.server import Access, StateServer, status_of
from talos.state.wire import JsonCodec
from talos.transport.link_server import LinkServer, ServedStream

log = logging.getLogger("machined.state")
ERROR_KEY = "state-error"
SERVICE = "/cosi.resource.State/"
_UNARY: dict[str, tuple[Any, Any]] = {
    "Get": (pb.GetRequest, pb.GetResponse),
    "Create": (pb.CreateRequest, pb.CreateResponse),
    "Update": (pb.UpdateRequest, pb.UpdateResponse),
    "Destroy": (pb.DestroyRequest, pb.DestroyResponse),
    "Teardown": (pb.TeardownRequest, pb.TeardownResponse),
    "TeardownAndDestroy": (pb.TeardownAndDestroyRequest, pb.TeardownAndDestroyResponse),
}
_STREAM: dict[str, tuple[Any, Any]] = {
    "List": (pb.ListRequest, pb.ListResponse),
    "Watch": (pb.WatchRequest, pb.WatchResponse),
}


class StateService:
    """The table of methods that the socket serves."""

    def __init__(self, state: InMemoryState, access_of: Callable[[int], Access]) -> None:
        self._server = StateServer(state, JsonCodec())
        self._access_of = access_of
        self.watches: Counter[int] = Counter()
        """open watches by user id"""
        methods: dict[str, Callable[[Any, Access], Any]] = {
            "Get": self._server.get,
            "Create": self._server.create,
            "Update": self._server.update,
            "Destroy": self._server.destroy,
            "Teardown": self._server.teardown,
            "TeardownAndDestroy": self._server.teardown_and_destroy,
        }
        self._table = {
            SERVICE + name: Handler(self._unary(methods[name]), Cardinality.UNARY_UNARY, request, response)
            for name, (request, response) in _UNARY.items()
        }
        streams: dict[str, Callable[[Any, Access], AsyncIterator[Any]]] = {
            "List": self._server.list,
            "Watch": self._server.watch,
        }
        for name, (request, response) in _STREAM.items():
            handler = self._stream(streams[name], self.watches if name == "Watch" else Counter())
            self._table[SERVICE + name] = Handler(handler, Cardinality.UNARY_STREAM, request, response)

    def __mapping__(self) -> dict[str, Handler]:
        return self._table

    def _unary(self, method: Callable[[Any, Access], Any]) -> Callable[[Any], Any]:
        async def serve(stream: ServedStream) -> None:
            request = await stream.recv_message()
            try:
                await stream.send_message(await method(request, self._access_of(stream.user)))
            except StateError as error:
                await _refuse(stream, error)

        return serve

    def _stream(
        self, method: Callable[[Any, Access], AsyncIterator[Any]], open_by_user: Counter[int]
    ) -> Callable[[Any], Any]:
        async def serve(stream: ServedStream) -> None:
            request = await stream.recv_message()
            user = stream.user
            open_by_user[user] += 1
            try:
                responses: Any = method(request, self._access_of(user))
                try:
                    async for response in responses:
                        await stream.send_message(response)
                finally:
                    await responses.aclose()
            except StateError as error:
                await _refuse(stream, error)
            finally:
                open_by_user[user] -= 1

        return serve


async def _refuse(stream: ServedStream, error: StateError) -> None:
    if isinstance(error, AccessError):
        log.warning("refused: %s", error)
    await stream.send_trailing_metadata(
        status=status_of(error), status_message=str(error), metadata=[(ERROR_KEY, type(error).__name__)]
    )


class StateSocket:
    """Serves a state on a unix socket: `async with StateSocket(state, path, access_of)`.

    Everybody may connect (mode 0666): who may do what is decided for each call.
    """

    def __init__(self, state: InMemoryState, path: str | os.PathLike[str], access_of: Callable[[int], Access]) -> None:
        self._path = Path(path)
        self._service = StateService(state, access_of)
        self._server = LinkServer(self._service.__mapping__(), users=None)

    async def start(self) -> None:
        """Listen; a socket left by a predecessor is replaced."""
        self._path.unlink(missing_ok=True)
        # bound under another name and renamed when it is ready, so that no client meets one that nobody serves
        temporary = self._path.with_name(self._path.name + ".new")
        temporary.unlink(missing_ok=True)
        await self._server.start(path=str(temporary))
        temporary.chmod(0o666)
        temporary.rename(self._path)

    def watches(self, user: int) -> int:
        """How many watches processes of this user id have open now."""
        return self._service.watches[user]

    async def close(self) -> None:
        """Stop listening and end all calls."""
        self._server.close()
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)

    async def __aenter__(self) -> StateSocket:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

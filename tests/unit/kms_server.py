"""A server that keeps keys of disks, as small as it can be: it remembers what it sealed, for the machine that asked."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.server import Server, Stream

from talos.api import sidero_kms_pb2 as pb


def turned(data: bytes) -> bytes:
    """Something else, and by the same step back again: this is no cipher."""
    return bytes(byte ^ 0x5A for byte in data)


class KeyServer:
    """uuids: those that have asked; refused: those that get nothing any more."""

    def __init__(self) -> None:
        self.uuids: list[str] = []
        self.refused: set[str] = set()
        self.mangle = False
        self.port = 0

    def __mapping__(self) -> dict[str, Handler]:
        methods = {"Seal": self._seal, "Unseal": self._unseal}
        return {
            f"/sidero.kms.KMSService/{name}": Handler(method, Cardinality.UNARY_UNARY, pb.Request, pb.Response)
            for name, method in methods.items()
        }

    async def _seal(self, stream: Stream[Any, Any]) -> None:
        request = await self._request(stream)
        owner = b"sealed for " + request.node_uuid.encode() + b"\0"
        await stream.send_message(pb.Response(data=owner + turned(request.data)))

    async def _unseal(self, stream: Stream[Any, Any]) -> None:
        request = await self._request(stream)
        owner, _, data = request.data.removeprefix(b"sealed for ").partition(b"\0")
        if owner != request.node_uuid.encode():
            raise GRPCError(Status.PERMISSION_DENIED, "this is another machine's key")
        await stream.send_message(pb.Response(data=data if self.mangle else turned(data)))

    async def _request(self, stream: Stream[Any, Any]) -> Any:
        request = await stream.recv_message()
        self.uuids.append(request.node_uuid)
        if request.node_uuid in self.refused:
            raise GRPCError(Status.PERMISSION_DENIED, "this machine is refused")
        return request

    @contextmanager
    def serving(self, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[None]:
        """In a thread, which is in the network namespace of its caller."""
        loop, ready = asyncio.new_event_loop(), threading.Event()

        async def serve() -> None:
            server = Server([self])
            await server.start(host, port, ssl=context)
            assert server._server is not None
            self.port = server._server.sockets[0].getsockname()[1]
            ready.set()
            try:
                await asyncio.Event().wait()
            finally:
                server.close()
                await server.wait_closed()

        task = loop.create_task(serve())

        def host_loop() -> None:
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(task)
            except asyncio.CancelledError:
                pass
            finally:
                loop.close()

        thread = threading.Thread(target=host_loop)
        thread.start()
        assert ready.wait(20)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join()

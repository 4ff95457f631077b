"""Calls to nodes through the endpoints of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from grpclib.const import Cardinality
from grpclib.exceptions import StreamTerminatedError
from h2.exceptions import ProtocolError
from multidict import MultiDict

from talos import api
from talos.client.channel import Endpoint, EndpointPool
from talos.client.config import NO_ENDPOINT, ConfigError, Context, TalosConfig, tls_context
from talos.client.errors import ApiError, translate
from talos.client.tls import unverified_client_context

if TYPE_CHECKING:
    import ssl

    from google.protobuf.message import Message

_CARDINALITY = {
    (False, False): Cardinality.UNARY_UNARY,
    (False, True): Cardinality.UNARY_STREAM,
    (True, False): Cardinality.STREAM_UNARY,
    (True, True): Cardinality.STREAM_STREAM,
}
M = TypeVar("M", bound="Message")


class Client:
    """Use as `async with`, or close it. One event loop."""

    def __init__(
        self, endpoints: Sequence[str], context: ssl.SSLContext, fingerprints: Sequence[str] = (), proxy: str = ""
    ) -> None:
        if not endpoints:
            raise ConfigError(NO_ENDPOINT)
        self.endpoints = list(endpoints)
        try:
            self._pool = EndpointPool(endpoints, context, fingerprints, proxy)
        except ValueError as error:
            raise ConfigError(str(error)) from error

    @classmethod
    def from_context(cls, context: Context, endpoints: Sequence[str] = ()) -> Client:
        """Client of a talosconfig context; `endpoints` instead of the context's own. ConfigError."""
        return cls(list(endpoints) or context.endpoints, tls_context(context), proxy=context.proxy)

    @classmethod
    def from_config(cls, config: TalosConfig, context: str = "", endpoints: Sequence[str] = ()) -> Client:
        """Client of the context of that name, or of the one in use. ConfigError."""
        return cls.from_context(config.select(context), endpoints)

    @classmethod
    def insecure(cls, address: str, fingerprints: Sequence[str] = ()) -> Client:
        """Client of a node in maintenance mode: encrypted, nobody authenticated. `fingerprints`: base64 SHA-256 of the
        public keys that the node may have; none: any."""
        return cls([address], unverified_client_context(), fingerprints)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the connections in order: TLS says goodbye in both directions."""
        await self._pool.wait_closed()

    def close(self) -> None:
        self._pool.close()

    async def call(
        self,
        path: str,
        request: Message | None = None,
        *,
        node: str = "",
        nodes: Iterable[str] = (),
        timeout: float | None = None,  # noqa: ASYNC109 - as gRPC clients call it
    ) -> Any:
        """One request, one response. `node`: target behind the endpoint; `nodes`: all of them at once, the response
        carries one message each. `timeout` in seconds. ApiError."""
        async with aclosing(self._exchange(path, [request], node, nodes, timeout)) as messages:
            async for message in messages:
                return message
        raise AssertionError("a unary call without error has a response")

    async def stream(
        self,
        path: str,
        request: Message | None = None,
        *,
        node: str = "",
        nodes: Iterable[str] = (),
        timeout: float | None = None,  # noqa: ASYNC109 - as gRPC clients call it
    ) -> AsyncGenerator[Any, None]:
        """One request, the responses as they come. Close the iterator to end the call. ApiError."""
        async with aclosing(self._exchange(path, [request], node, nodes, timeout)) as messages:
            async for message in messages:
                yield message

    async def upload(
        self,
        path: str,
        requests: AsyncIterator[Message],
        *,
        node: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - as gRPC clients call it
    ) -> Any:
        """Many requests, one response. ApiError."""
        async with aclosing(self._exchange(path, requests, node, (), timeout)) as messages:
            async for message in messages:
                return message
        raise AssertionError("a unary call without error has a response")

    async def converse(
        self,
        path: str,
        requests: AsyncIterator[Message],
        *,
        node: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - as gRPC clients call it
    ) -> AsyncGenerator[Any, None]:
        """Requests and responses as they come, in both directions at once. ApiError."""
        async with aclosing(self._exchange(path, requests, node, (), timeout)) as messages:
            async for message in messages:
                yield message

    async def _exchange(
        self,
        path: str,
        requests: Sequence[Message | None] | AsyncIterator[Message],
        node: str,
        nodes: Iterable[str],
        timeout: float | None,  # noqa: ASYNC109 - as gRPC clients call it
    ) -> AsyncGenerator[Any, None]:
        kinds = api.method_types(path)
        metadata: MultiDict[str] = MultiDict(("nodes", name) for name in nodes)
        if node:
            metadata.add("node", node)
        endpoint = await self._pool.pick(node)
        sending: asyncio.Task[None] | None = None
        try:
            async with endpoint.request(
                path,
                _CARDINALITY[kinds.client_streaming, kinds.server_streaming],
                kinds.request,
                kinds.response,
                timeout=timeout,
                metadata=cast(Any, metadata),
            ) as stream:
                if isinstance(requests, Sequence):
                    await stream.send_message(cast(Any, requests[0] or kinds.request()), end=True)
                elif kinds.server_streaming:
                    await stream.send_request()  # nothing can be received before it
                    sending = asyncio.create_task(_send(stream, requests))
                else:
                    await _send(stream, requests)
                while (message := await stream.recv_message()) is not None:
                    yield message
                    if not kinds.server_streaming:
                        break
                if sending is not None and not sending.done():
                    # The answer is complete before all requests are sent. grpclib gives the status only of a call
                    # whose own side is closed.
                    sending.cancel()
                    with suppress(StreamTerminatedError, ProtocolError):
                        await stream.end()
                    stream._end_done = True
        except GeneratorExit:
            raise
        except Exception as error:
            raise _translated(error, node, endpoint) from error
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.wait([sending])


async def _send(stream: Any, requests: AsyncIterator[Message]) -> None:
    async with aclosing(cast(AsyncGenerator[Any, None], requests)) as messages:
        async for request in messages:
            await stream.send_message(request)
    await stream.end()


def _translated(error: Exception, node: str, endpoint: Endpoint) -> ApiError:
    return translate(error, node, endpoint.address, endpoint.lost)

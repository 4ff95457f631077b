"""Whom a command speaks to, and running it against every node at once."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from talos.talosctl import renewal

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from talos.client import ApiError, Client, Context

T = TypeVar("T")


class NoNodes(click.UsageError):
    """No node is named, neither by flag nor in the context."""


class Failed(click.ClickException):
    """The command has already said what went wrong where; only the exit code is left."""

    def __init__(self) -> None:
        super().__init__("")


@dataclass
class Session:
    """Flags of the command line that say where to. Nothing is read or connected before it is needed."""

    talosconfig: Path | None = None
    context: str = ""
    endpoints: Sequence[str] = ()
    nodes: Sequence[str] = ()
    insecure: bool = False
    fingerprints: Sequence[str] = ()
    _clients: dict[str, Client] = field(default_factory=dict)
    _selected: Context | None = None
    _others: list[Session] = field(default_factory=list)

    def selected(self) -> Context:
        """The context of the client configuration. ConfigError."""
        from talos.client import TalosConfig, default_path

        if self._selected is None:
            self._selected = TalosConfig.load(self.talosconfig or default_path()).select(self.context)
        return self._selected

    def targets(self, *, exactly_one: bool = False, command: str = "") -> list[str]:
        """Nodes of the command: the flag, else those of the context; each once. NoNodes if there is none."""
        named = list(self.nodes) or ([] if self.insecure else list(self.selected().nodes))
        unique = list(dict.fromkeys(named))
        if not unique:
            raise NoNodes(
                "no node is set for the command: name one with --nodes, "
                "or set one for the context with talosctl config node ADDRESS"
            )
        if exactly_one and len(unique) != 1:
            raise click.UsageError(f"{command} is for exactly one node, {len(unique)} are set: name one with --nodes")
        return unique

    def client(self, node: str) -> Client:
        """Client to reach `node` with; shared between nodes unless --insecure."""
        from talos.client import Client

        key = node if self.insecure else ""
        if key not in self._clients:
            self._clients[key] = (
                Client.insecure(node, self.fingerprints)
                if self.insecure
                else Client.from_context(self.selected(), self.endpoints)
            )
        return self._clients[key]

    @asynccontextmanager
    async def _closing(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            for session in (self, *self._others):
                for client in session._clients.values():
                    await client.aclose()
                session._clients.clear()

    def with_context(self, context: Context, nodes: Sequence[str]) -> Session:
        """Another session of the same run, as somebody else; it ends with this one."""
        other = Session(endpoints=self.endpoints, nodes=nodes, _selected=context)
        self._others.append(other)
        return other

    def reconnect(self) -> None:
        """End the connections; the next call makes new ones."""
        for client in self._clients.values():
            client.close()

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function, then close the connections. Ctrl-C ends it."""

        import asyncio  # not at the top: commands without a node are quicker by what it costs

        async def whole() -> T:
            async with self._closing():
                result = await main()
                await self._renew()
                return result

        return asyncio.run(whole())

    async def _renew(self) -> None:
        """Behind a command that went well: a certificate that will soon expire. Quiet whatever happens."""
        client, context = self._clients.get(""), self._selected
        if client is None or context is None:
            return
        if renewal.due_now(context.crt):
            from talos.client import default_path

            await renewal.attempt(client, context, self.talosconfig or default_path(), self.context)

    def target(self, node: str) -> str:
        """Metadata `node` of a call: none without a proxy in between."""
        return "" if self.insecure else node

    async def call(self, node: str, path: str, request: Message | None = None, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as gRPC clients call it
        """Unary call to one node. ApiError carries the node."""
        from talos.client import ApiError

        try:
            return await self.client(node).call(path, request, node=self.target(node), timeout=timeout)
        except ApiError as error:
            error.node = node
            raise

    async def stream(self, node: str, path: str, request: Message | None = None) -> AsyncGenerator[Any, None]:
        """Stream of one node. ApiError carries the node."""
        from talos.client import ApiError

        try:
            async for message in self.client(node).stream(path, request, node=self.target(node)):
                yield message
        except ApiError as error:
            error.node = node
            raise

    async def upload(self, node: str, path: str, requests: AsyncIterator[Message]) -> Any:
        """Many requests to one node, one response. ApiError carries the node."""
        from talos.client import ApiError

        try:
            return await self.client(node).upload(path, requests, node=self.target(node))
        except ApiError as error:
            error.node = node
            raise

    async def each(self, ask: Callable[[str], Awaitable[T]]) -> Answers[T]:
        """Ask every node at once."""
        import asyncio

        from talos.client import ApiError

        nodes = self.targets()
        results = await asyncio.gather(*(ask(node) for node in nodes), return_exceptions=True)
        answers: Answers[T] = Answers()
        for node, result in zip(nodes, results, strict=True):
            if isinstance(result, ApiError):
                answers.errors.append((node, result))
            elif isinstance(result, BaseException):
                raise result
            else:
                answers.good.append((node, result))
        return answers

    def ask(self, path: str, request: Message | None = None, timeout: float | None = None) -> Answers[Any]:
        """The same unary call to every node."""
        from talos import api
        from talos.client import unary

        kinds = api.method_types(path)
        data = request.SerializeToString() if request is not None else b""
        # A node in maintenance mode is an endpoint of its own, and its key may be compared with a fingerprint.
        if self.insecure or not unary.fits(calls := [(node, data) for node in self.targets()]):
            return self.run(lambda: self.each(lambda node: self.call(node, path, request, timeout)))
        found = unary.ask_context(self.selected(), self.endpoints, path, calls, timeout)
        answers: Answers[Any] = Answers()
        for (node, _), raw in zip(calls, found, strict=True):
            answer = _decoded(kinds.response, raw, node) if isinstance(raw, bytes) else raw
            if isinstance(answer, Exception):
                answers.errors.append((node, answer))
            else:
                answers.good.append((node, answer))
        if answers.good and renewal.due_now(self.selected().crt):
            self.renew()
        return answers

    def renew(self) -> None:
        """Renew the certificate if it is time, behind a command that needed no client."""

        async def nothing() -> None:
            self.client("")

        self.run(nothing)


def _decoded(kind: type[Message], data: bytes, node: str) -> Message | ApiError:
    from google.protobuf.message import DecodeError
    from grpclib.const import Status

    from talos.client import ApiError

    try:
        return kind.FromString(data)
    except DecodeError as error:
        return ApiError(Status.INTERNAL, f"unreadable answer ({error})", node)


class Answers(list[T]):
    """Answers by node, in the order of the nodes, and the errors of those that failed."""

    def __init__(self) -> None:
        super().__init__()
        self.good: list[tuple[str, T]] = []
        self.errors: list[tuple[str, Exception]] = []

    def finish(self, text: str = "error from node {node}: {error}") -> None:
        """Report the nodes that failed on standard error; Failed if there are any."""
        for node, error in self.errors:
            print(text.format(node=node, error=error), file=sys.stderr)
        if self.errors:
            raise Failed

"""What Terraform's provider for Talos does, call by call, over plain grpclib: nothing of this system but its messages.

Facts of the provider and of the Go client below it (siderolabs/terraform-provider-talos, Talos' own `action` package):
- before every operation it asks Disks without a certificate; if that succeeds the node is in maintenance mode and the
  operation goes the same way, otherwise it goes with the certificate;
- an operation is tried again whatever the error, only INVALID_ARGUMENT is final;
- it follows reboot and reset by events, as talosctl --wait does: it reads one answer of the stream before it asks for
  the operation and throws it away; a stream that ends, or breaks as UNAVAILABLE or CANCELLED, is opened again after the
  last event that was seen (older ones: with all past events), any other status is final;
- a reboot is over when the machine says that it runs and is ready, and the kernel's boot id is another one; a reset
  when a task stopAllServices begins, and, if it reboots, when Disks is answered without a certificate again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from grpclib.client import Channel
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from talos.api import machine_pb2, message_type, method_types

BOOT_ID = "/proc/sys/kernel/random/boot_id"
EVENTS = "/machine.MachineService/Events"
Operation = Callable[[Channel], Awaitable[Any]]


class FinalError(Exception):
    """The provider gives up."""


def code(error: BaseException) -> Status:
    """As Go's client sees it: whatever breaks the connection is UNAVAILABLE."""
    return error.status if isinstance(error, GRPCError) else Status.UNAVAILABLE


BROKEN = (GRPCError, StreamTerminatedError, OSError, asyncio.TimeoutError)


async def stream(
    channel: Channel, path: str, request: Message | None, node: str = ""
) -> AsyncGenerator[Any, None]:
    """Answers of a call, until it ends."""
    asked, answered, *_ = method_types(path)
    metadata = {"node": node} if node else {}
    async with channel.request(path, Cardinality.UNARY_STREAM, asked, answered, metadata=metadata) as call:
        await call.send_message(request or asked(), end=True)
        async for answer in call:
            yield answer


async def unary(channel: Channel, path: str, request: Message | None = None, node: str = "") -> Any:
    async with asyncio.timeout(60):
        answers = [answer async for answer in stream(channel, path, request, node)]
    assert len(answers) == 1, answers
    return answers[0]


class Provider:
    """Operations on one node through one endpoint."""

    def __init__(self, endpoint: str, node: str, authority: Path, pair: Path, *, resumes: bool = True) -> None:
        self._endpoint = endpoint
        self.resumes = resumes
        self.node = node
        self.ways: list[str] = []
        """how each operation went: maintenance or certificate"""
        self._anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._anybody.check_hostname = False
        self._anybody.verify_mode = ssl.CERT_NONE
        self._somebody = ssl.create_default_context(cafile=str(authority))
        self._somebody.load_cert_chain(pair)
        for context in (self._anybody, self._somebody):
            context.set_alpn_protocols(["h2"])

    @asynccontextmanager
    async def _channel(self, context: ssl.SSLContext) -> AsyncIterator[Channel]:
        channel = Channel(self._endpoint, 50000, ssl=context)
        try:
            yield channel
        finally:
            # Not in order, which takes a message back and forth and outlives the test: the connection is cut.
            connection = getattr(channel._protocol, "connection", None)
            transport = getattr(connection, "_transport", None)  # gone already if the other side has ended it
            if transport is not None:
                transport.abort()
            channel.close()
            await asyncio.sleep(0)

    async def in_maintenance(self) -> bool:
        async with self._channel(self._anybody) as channel:
            try:
                await unary(channel, "/storage.StorageService/Disks", node=self.node)
            except BROKEN:
                return False
            return True

    async def operate(self, operation: Operation) -> Any:
        """Once, on whichever way there is."""
        maintenance = await self.in_maintenance()
        async with self._channel(self._anybody if maintenance else self._somebody) as channel:
            result = await operation(channel)
        self.ways.append("maintenance" if maintenance else "certificate")
        return result

    async def insist(self, operation: Operation, timeout_s: float = 300.0) -> Any:
        """Until it succeeds; FinalError for INVALID_ARGUMENT."""
        last: BaseException | None = None
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        return await self.operate(operation)
                    except BROKEN as error:
                        if code(error) is Status.INVALID_ARGUMENT:
                            raise FinalError(str(error)) from error
                        last = error
                        await asyncio.sleep(0.5)
        except TimeoutError:
            raise FinalError(f"still after {timeout_s:.0f} s: {last}") from last

    def call(self, path: str, request: Message | None = None) -> Operation:
        return lambda channel: unary(channel, path, request, self.node)

    def read(self, path: str) -> Operation:
        """A file as text."""

        async def whole(channel: Channel) -> str:
            request = machine_pb2.ReadRequest(path=path)
            chunks = stream(channel, "/machine.MachineService/Read", request, self.node)
            return b"".join([chunk.bytes async for chunk in chunks]).decode().strip()

        return whole

    async def follow(
        self,
        path: str,
        request: Message,
        over: Callable[[Message], bool],
        after: Callable[[Channel, str], Awaitable[bool]] | None,
        timeout_s: float = 180.0,
    ) -> list[Message]:
        """Ask for an operation and follow it; the events that were seen. FinalError if the provider would give up."""
        seen: list[Message] = []
        async with asyncio.timeout(timeout_s), self._channel(self._somebody) as channel:
            before = await self.read(BOOT_ID)(channel)
            actor, last, met = "", "", False
            while not met:
                wanted = machine_pb2.EventsRequest(tail_events=-1 if actor and not last else 0, tail_id=last)
                try:
                    async with aclosing(stream(channel, EVENTS, wanted, self.node)) as events:
                        first = await anext(events)
                        if first.data.type_url:
                            raise FinalError(f"an event would be lost: {first}")
                        if not actor:
                            answer = await unary(channel, path, request, self.node)
                            actor = answer.messages[0].actor_id
                            assert actor
                        async for event in events:
                            last = event.id if self.resumes else ""
                            payload = message_type(event.data.type_url).FromString(event.data.value)
                            seen.append(payload)
                            if met := over(payload):
                                break
                except BROKEN as error:
                    _retried(error)
                except StopAsyncIteration:
                    pass
                await asyncio.sleep(0 if met else 0.5)
            while after is not None:
                try:
                    if await after(channel, before):
                        break
                except BROKEN as error:
                    _retried(error)
                await asyncio.sleep(0.5)
        return seen

    async def booted(self, channel: Channel, before: str) -> bool:
        return bool(await self.read(BOOT_ID)(channel) != before)

    async def wiped(self, channel: Channel, before: str) -> bool:
        return await self.in_maintenance() or await self.booted(channel, before)


def _retried(error: BaseException) -> None:
    if code(error) not in (Status.UNAVAILABLE, Status.CANCELLED):
        raise FinalError(f"{type(error).__name__}: {error}") from error


def runs_and_is_ready(event: Message) -> bool:
    running = machine_pb2.MachineStatusEvent.RUNNING
    return isinstance(event, machine_pb2.MachineStatusEvent) and event.stage == running and event.status.ready


def stops_all_services(event: Message) -> bool:
    return isinstance(event, machine_pb2.TaskEvent) and event.task == "stopAllServices"

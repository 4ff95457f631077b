"""One call from its headers to its trailers: authorize, route, pass bytes on, leave an audit record."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from grpclib.const import Status
from grpclib.metadata import decode_grpc_message, encode_grpc_message
from h2.errors import ErrorCodes

from talos import rbac
from talos.access.policy import NONE, STATE, Policy, Question
from talos.apid import audit, splice
from talos.apid.request import Request
from talos.apid.routing import Route, decide, is_client_stream, is_here, is_streamed
from talos.transport.calls import CallError, Headers, RawHeaders
from talos.transport.http2 import RawStream, stream_status
from talos.transport.identity import (
    AUDITED_KEY,
    CALL_KEY,
    CALLER_KEY,
    FORWARDED_KEY,
    Identity,
    effective_roles,
    parse_roles,
)
from talos.transport.link import LinkStream
from talos.transport.link_client import MachineLink
from talos.transport.upstream import Upstream

if TYPE_CHECKING:
    from talos.api.pytalos_audit_pb2 import Record
    from talos.apid.proxy import ProxyGate

log = logging.getLogger("apid")

_HOP_TRAILERS = frozenset({"content-type", "content-length", AUDITED_KEY})
_CALL_ID = re.compile("[0-9a-f]{16}")
RESERVE_S, RESERVE_SHARE = 0.2, 0.1
"""of a call to many nodes: what is kept back, at most, to send the answers that there are"""
_OK_HEADERS: Headers = [(":status", "200"), ("content-type", "application/grpc")]


class Exchange:
    """One call from its headers to its trailers."""

    def __init__(self, gate: ProxyGate, stream: RawStream, request: Request) -> None:
        self.gate = gate
        self.service = gate.service
        self.stream = stream
        self.request = request
        self.begun = time.monotonic()
        self.begun_ns = time.time_ns()
        self.headers_sent = False
        self.call = secrets.token_hex(8)
        self.to_machined = False
        """machined of this node serves the whole call, so it notes it too"""
        self.recorded = False
        """machined has said that it did"""
        self._task: asyncio.Task[None] | None = None
        self._cut: CallError | None = None
        identity = gate.identity
        self.forwarded_by: Identity | None = None
        if identity is None:  # only root and apid itself may open the socket
            self.caller = Identity()
            self.roles = parse_roles(request.roles)
        else:
            self.caller = identity
            self.roles = frozenset({rbac.READER}) if gate.maintenance else effective_roles(identity, request.roles)
            if rbac.IMPERSONATOR in identity.roles and request.caller:
                original = Identity.decode(request.caller)
                if original is not None:
                    self.forwarded_by, self.caller = identity, original
                if _CALL_ID.fullmatch(request.call):
                    self.call = request.call

    async def run(self) -> None:
        status, text = Status.CANCELLED.value, "the caller left"
        self._task = asyncio.current_task()
        self.service.exchanges.add(self)
        try:
            async with asyncio.timeout(self.request.timeout):
                status, text = await self._decide_and_forward()
        except asyncio.CancelledError:
            if self._cut is None or self._task is None:
                raise
            self._task.uncancel()
            status, text = self._cut.status.value, self._cut.text
            self._end(status, text)
        except TimeoutError:
            status, text = Status.DEADLINE_EXCEEDED.value, "context deadline exceeded"
            self._end(status, text)
        except CallError as error:
            status, text = error.status.value, error.text
            self._end(status, text)
        finally:
            self.service.exchanges.discard(self)
            self._audit(status, text)

    def cut(self, error: CallError) -> None:
        """End the call now, with this error."""
        if self._cut is None and self._task is not None:
            self._cut = error
            self._task.cancel()

    def may_show_resources(self, policy: Policy) -> bool:
        """A watch of somebody whom grants limit to certain types: which it watches, only machined knows."""
        return self.request.path == f"{STATE}Watch" and any(
            grant.resources and grant.concerns(self.caller.common_name) for grant in policy.grants
        )

    def ungranted(self) -> str:
        """Why grants or revocations of this node refuse the call, "" if they do not."""
        here = self.to_machined
        if not self.caller.fingerprint or self.gate.maintenance:
            return ""
        policy = self.service.policy
        if policy is None:
            return "" if here else "this node does not know yet whose certificates are revoked: try again"
        if policy == NONE:
            return ""
        question = Question(
            self.request.path,
            self.roles,
            self.caller.common_name,
            self.caller.fingerprint,
            self.caller.serial,
            self.service.site.names if here else None,
        )
        return policy.refusal(question, datetime.now(UTC))

    async def _decide_and_forward(self) -> tuple[int, str]:
        request = self.request
        refused = not rbac.allowed(request.path, self.roles, self.gate.maintenance)
        reason = rbac.refusal(request.path, self.roles, self.gate.maintenance) if refused else ""
        if refused and (not request.nodes or request.proxyfrom):
            raise CallError(Status.PERMISSION_DENIED, reason)
        site = self.service.site
        route = decide(request.path, request.node, request.nodes, request.proxyfrom, site)
        if refused:
            return await self._refuse_each(route, reason)
        streamed = is_streamed(request.path)
        self.to_machined = not route.fan_out and is_here(route.targets[0], site)
        if ungranted := self.ungranted():
            reason = f"{rbac.NOT_AUTHORIZED}: {ungranted}"
            if route.fan_out:
                return await self._refuse_each(route, reason)
            raise CallError(Status.PERMISSION_DENIED, reason)
        if streamed and not self.to_machined:
            entry = self._record()
            entry.started = True
            self.service.audit.put(entry)
        if route.fan_out:
            message = await self._only_message()
            return await (self._fan_out_stream if streamed else self._fan_out_unary)(route, message)
        return await self._forward(route.targets[0], streamed)

    # one to one

    async def _forward(self, target: str, streamed: bool) -> tuple[int, str]:
        duplex = is_client_stream(self.request.path, self.request.path in rbac.METHODS)
        message = None if duplex else await self._only_message()
        upstream, done = await self._open(target)
        pump: asyncio.Task[None] | None = None
        try:
            if duplex:
                upstream.start()
                pump = asyncio.create_task(self._pump(upstream))
            else:
                await upstream.send_message(cast(bytes, message), end=True)
            answers = upstream.inbox
            if streamed:
                while upstream.headers is None and answers.idle:
                    await answers.wait()
                if upstream.headers is not None and not _ends_at_once(upstream):
                    self._begin(upstream)
                    self.stream.flush()
            # The one message of a unary method waits for the trailers and leaves with them, in one write.
            held: bytes | None = None
            hold = not streamed and not duplex
            while (answer := await answers.message()) is not None:
                if not self.headers_sent:
                    self._begin(upstream)
                if hold:
                    held, hold = answer, False
                    continue
                if held is not None:
                    await self.stream.send_message(held)
                    held = None
                await self.stream.send_message(answer)
            return await self._finish(upstream, held)
        finally:
            if pump is not None:
                pump.cancel()
            done()

    def _begin(self, upstream: RawStream | LinkStream) -> None:
        extra = [
            (k, v)
            for k, v in _text_headers(upstream.headers)
            if not k.startswith((":", "grpc-")) and k not in ("content-type", "content-length")
        ]
        self.stream.put_headers(_OK_HEADERS + extra)
        self.headers_sent = True

    async def _finish(self, upstream: RawStream | LinkStream, answer: bytes | None) -> tuple[int, str]:
        trailers = _text_headers(upstream.trailers if upstream.trailers is not None else upstream.headers)
        found = dict(trailers)
        if "grpc-status" not in found:
            raise CallError(
                Status.UNAVAILABLE if found.get(":status", "200") != "200" else Status.INTERNAL,
                f"the answer of {self.request.path} ended without a status (HTTP {found.get(':status')})",
            )
        self.recorded = self.to_machined and AUDITED_KEY in found
        end = [(k, v) for k, v in trailers if not k.startswith(":") and k not in _HOP_TRAILERS]
        if "grpc-message" not in found:
            end.append(("grpc-message", ""))
        if answer is not None:
            await self.stream.send_message(answer, trailers=end)
        else:
            self.stream.put_headers(end if self.headers_sent else _OK_HEADERS + end, end=True)
            self.stream.flush()
        self.headers_sent = True
        self._close_request_side()
        return int(found["grpc-status"]), decode_grpc_message(found.get("grpc-message", ""))

    async def _pump(self, upstream: RawStream | LinkStream) -> None:
        try:
            while (message := await self.stream.inbox.message()) is not None:
                await upstream.send_message(message)
            await upstream.finish_sending()
        except CallError as error:
            upstream.inbox.fail(error)  # either side broke: the answer loop ends with it

    # one to many

    async def _collect(self, target: str, message: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._time_for_each()):
                return await self._ask(target, message)
        except TimeoutError:
            return splice.failed_unary(target, Status.DEADLINE_EXCEEDED.value, "context deadline exceeded")

    def _time_for_each(self) -> float | None:
        """Seconds. A node that does not answer ends a little before the call, or it would take the others' answers with
        it."""
        if self.request.timeout is None:
            return None
        reserve = min(RESERVE_S, self.request.timeout * RESERVE_SHARE)
        return max(0.0, self.request.timeout - (time.monotonic() - self.begun) - reserve)

    async def _ask(self, target: str, message: bytes) -> bytes:
        try:
            upstream, done = await self._open(target)
            try:
                await upstream.send_message(message, end=True)
                answer = await upstream.inbox.message()
                if answer is not None:
                    await upstream.inbox.message()
                status, text = stream_status(upstream)
            finally:
                done()
        except CallError as error:
            return splice.failed_unary(target, error.status.value, error.text)
        if status or answer is None:
            return splice.failed_unary(target, status or Status.INTERNAL.value, text)
        return splice.mark_unary(answer, target)

    async def _fan_out_unary(self, route: Route, message: bytes) -> tuple[int, str]:
        answers = await asyncio.gather(*(self._collect(target, message) for target in route.targets))
        self.stream.put_headers(_OK_HEADERS)
        self.headers_sent = True
        await self.stream.send_message(b"".join(answers), trailers=[("grpc-status", "0"), ("grpc-message", "")])
        self._close_request_side()
        return 0, ""

    async def _refuse_each(self, route: Route, reason: str) -> tuple[int, str]:
        """To a call to many nodes a refusal is an answer of each of them, too; none is asked."""
        await self._only_message()
        streamed = is_streamed(self.request.path)
        failed = splice.failed_chunk if streamed else splice.failed_unary
        answers = [failed(target, Status.PERMISSION_DENIED.value, reason) for target in route.targets]
        self.stream.put_headers(_OK_HEADERS)
        self.headers_sent = True
        for answer in answers if streamed else [b"".join(answers)]:
            await self.stream.send_message(answer)
        self._end(0, "")
        return Status.PERMISSION_DENIED.value, reason

    async def _fan_out_stream(self, route: Route, message: bytes) -> tuple[int, str]:
        self.stream.put_headers(_OK_HEADERS)
        self.stream.flush()
        self.headers_sent = True
        turn = asyncio.Lock()  # a message may leave in several frames

        async def relay(target: str) -> None:
            try:
                upstream, done = await self._open(target)
                try:
                    await upstream.send_message(message, end=True)
                    while (chunk := await upstream.inbox.message()) is not None:
                        async with turn:
                            await self.stream.send_message(splice.mark_chunk(chunk, target))
                    status, text = stream_status(upstream)
                finally:
                    done()
            except CallError as error:
                status, text = error.status.value, error.text
            if status:
                async with turn:
                    await self.stream.send_message(splice.failed_chunk(target, status, text))

        async with asyncio.TaskGroup() as group:
            for target in route.targets:
                group.create_task(relay(target))
        self._end(0, "")
        return 0, ""

    # both

    async def _only_message(self) -> bytes:
        """The request of a method that takes one."""
        inbox = self.stream.inbox
        message = await inbox.message()
        if message is None:
            raise CallError(Status.INTERNAL, "the request ended before its message")
        if await inbox.message() is not None:
            raise CallError(Status.INTERNAL, f"{self.request.path} takes one message, more were sent")
        return message

    async def _open(self, target: str) -> tuple[RawStream | LinkStream, Callable[[], None]]:
        here = is_here(target, self.service.site)
        metadata = [
            *self.request.metadata,
            *(("talos-role", role) for role in sorted(self.roles)),
            (CALLER_KEY, self.caller.encode()),
            (CALL_KEY, self.call),
        ]
        if self.forwarded_by is not None and here:
            metadata.append((FORWARDED_KEY, self.forwarded_by.encode()))
        if self.request.timeout is not None:
            left = max(0.0, self.request.timeout - (time.monotonic() - self.begun))
            metadata.append(("grpc-timeout", f"{max(1, int(left * 1000))}m"))
        if self.request.user_agent:
            metadata.append(("user-agent", self.request.user_agent))
        if here:
            upstream: Upstream | MachineLink = self.service.machined
        else:
            upstream = self.service.other(target)
            metadata.append(("proxyfrom", self.request.authority or "apid"))
        return await upstream.open(self.request.path, metadata)

    def _end(self, status: int, text: str) -> None:
        if self.headers_sent:
            self.stream.put_headers(
                [("grpc-status", str(status)), ("grpc-message", encode_grpc_message(text))], end=True
            )
            self.stream.flush()
        else:
            answer_error(self.stream, Status(status), text)
            self.headers_sent = True
        self._close_request_side()

    def _close_request_side(self) -> None:
        if not self.stream.inbox.ended:  # tell a caller that still sends to stop (RFC 9113, 8.1)
            self.stream.abandon(ErrorCodes.NO_ERROR)

    def _record(self) -> Record:
        request = self.request
        return audit.record(
            request.path,
            self.caller,
            self.forwarded_by,
            self.roles,
            request.node + request.nodes,
            request.user_agent,
            self.call,
            self.begun_ns,
        )

    def _audit(self, status: int, text: str) -> None:
        if not self.recorded:
            entry = self._record()
            entry.code = status
            entry.message = text
            entry.duration.FromNanoseconds(int((time.monotonic() - self.begun) * 1e9))
            entry.perhaps_recorded = self.to_machined
            self.service.audit.put(entry)
        if status == Status.PERMISSION_DENIED.value:
            log.info(
                "refused %s to %s (%s): %s",
                self.request.path,
                self.caller,
                ",".join(sorted(self.roles)) or "no role",
                text,
            )


def _ends_at_once(upstream: RawStream | LinkStream) -> bool:
    """Headers and trailers in one: the call failed before it answered."""
    return any(key == b"grpc-status" for key, _ in cast(RawHeaders, upstream.headers or ()))


def _text_headers(headers: Headers | None) -> Headers:
    return [(key.decode("latin-1"), value.decode("latin-1")) for key, value in cast(RawHeaders, headers or ())]


def answer_error(stream: RawStream, status: Status, text: str) -> None:
    stream.put_headers(
        [*_OK_HEADERS, ("grpc-status", str(status.value)), ("grpc-message", encode_grpc_message(text))], end=True
    )
    stream.flush()

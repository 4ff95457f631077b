"""What apid does with each call of a connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from grpclib.const import Status
from h2.errors import ErrorCodes

from talos.apid.audit import unreadable
from talos.apid.exchange import Exchange, answer_error
from talos.apid.request import parsed
from talos.transport.calls import Headers, RawHeaders
from talos.transport.gate import Gate
from talos.transport.http2 import RawStream
from talos.transport.identity import Identity

if TYPE_CHECKING:
    from talos.apid.service import Service

log = logging.getLogger("apid")


class ProxyGate(Gate):
    """Calls of one connection. `identity` None: the node's own socket, where the caller states its roles."""

    def __init__(self, service: Service, identity: Identity | None, maintenance: bool) -> None:
        super().__init__(identity, maintenance)
        self.service = service

    async def serve(self, stream: RawStream, headers: Headers, release: Callable[[], None]) -> None:
        try:
            try:
                request = parsed(tuple(cast(RawHeaders, headers)))
            except (ValueError, UnicodeDecodeError) as error:
                self.service.audit.put(unreadable(self.identity, str(error)))
                answer_error(stream, Status.INTERNAL, f"unreadable headers: {error}")
                return
            if request.method != "POST" or not request.content_type.startswith("application/grpc"):
                stream.abandon(ErrorCodes.PROTOCOL_ERROR)  # as Talos does; there is no gRPC client to tell more
                return
            stream.inbox.encoding = request.encoding
            await Exchange(self, stream, request).run()
        except asyncio.CancelledError:
            pass  # the caller is gone, or the connection
        except Exception:
            log.exception("a call failed inside apid")
            answer_error(stream, Status.INTERNAL, "apid failed; its log says why (talosctl logs apid)")
        finally:
            release()

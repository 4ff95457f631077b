"""grpclib's server, but closing it also closes its connections.

The library cancels the running calls and leaves every connection open: clients would
go on to ask a server that is gone, and since Python 3.12 asyncio's wait_closed waits
for connections, so that closing would never end.
"""

from __future__ import annotations

import weakref

from grpclib.protocol import H2Protocol
from grpclib.server import Server


class ClosingServer(Server):
    """Use it like grpclib.server.Server."""

    _connections: weakref.WeakSet[H2Protocol] | None = None

    def _protocol_factory(self) -> H2Protocol:
        if self._connections is None:
            self._connections = weakref.WeakSet()
        protocol = super()._protocol_factory()
        self._connections.add(protocol)
        return protocol

    def close(self) -> None:
        """Stop listening, cancel all calls, close all connections."""
        super().close()
        for protocol in list(self._connections or ()):
            processor = getattr(protocol, "processor", None)
            if processor is not None:
                processor.close(reason="the server closes")

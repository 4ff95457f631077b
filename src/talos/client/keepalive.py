"""Noticing a peer that died without a word: the kernel asks.

HTTP/2 pings would be taken for abuse by gRPC servers written in Go.
"""

from __future__ import annotations

import socket

IDLE_S = 15
INTERVAL_S = 5
PROBES = 3
UNACKNOWLEDGED_MS = 20_000


def watch_for_death(sock: socket.socket) -> None:
    """End the connection when the peer answers neither probes nor data (tcp(7)); what the system lacks is left out."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", IDLE_S),
        ("TCP_KEEPINTVL", INTERVAL_S),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MS),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

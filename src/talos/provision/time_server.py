"""Tells a cluster's machines the time of this host (--bad-rtc): SNTP in server mode (RFC 5905, section 14).

It answers on the bridge only, so that machines whose clock begins wrong need nobody outside. It vouches for nothing but
this host's own clock, and says so: a high stratum, and an identifier of no source.
"""

from __future__ import annotations

import socket
import struct
import time

from talos.linux.ntp import PORT, to_ntp
from talos.provision import servers
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError

STRATUM = 10
"""of a clock that nobody is known to set, as chronyd and ntpd have it for their own"""
_HEAD = struct.Struct("!BBbbII4s")
_CLIENT, _SERVER = 3, 4
_LENGTH, _VERSIONS = 48, range(1, 5)
_PRECISION = -20  # 2^-20 s: a microsecond
_MOST = 1024


def answer(question: bytes, received: float, sent: float) -> bytes | None:
    """To a client's question (Unix times of this host's clock), None to anything else. Never longer than the question:
    a forged sender gets no more out of us than was put in. Pure."""
    if len(question) < _LENGTH:
        return None
    version, mode, poll = question[0] >> 3 & 7, question[0] & 7, question[2]
    if mode != _CLIENT or version not in _VERSIONS:
        return None
    signed_poll = poll - 256 if poll > 127 else poll
    head = _HEAD.pack(version << 3 | _SERVER, STRATUM, signed_poll, _PRECISION, 0, 0, b"LOCL")
    times = struct.pack("!4I", *to_ntp(received), *to_ntp(sent))
    return head + struct.pack("!2I", *to_ntp(received)) + question[40:48] + times


def start(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Returns when it answers. ProvisionError."""
    try:
        servers.start(directory, __name__, model.gateway, PORT, directory.time_server_log)
    except ProvisionError as error:
        raise ProvisionError(f"--bad-rtc: the time server {error}") from error


def kill(directory: ClusterDirectory) -> None:
    """End it; nothing if there is none."""
    servers.kill(directory, __name__)


def main() -> None:
    """Until it is ended."""
    _, address, port = servers.arguments()
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((address, port))
    except OSError as error:
        raise servers.failed(error) from error
    servers.listening()
    serve(listener)


def serve(listener: socket.socket) -> None:
    """Until the socket is closed."""
    while True:
        try:
            question, sender = listener.recvfrom(_MOST)
        except ConnectionError:  # somebody whom we answered is gone (ICMP)
            continue
        received = time.time()
        if (found := answer(question, received, time.time())) is not None:
            try:
                listener.sendto(found, sender)
            except OSError as error:
                print(f"{sender[0]}: {error}", flush=True)

"""Generic netlink socket: requests to one family of the kernel, by the family's name.

Synchronous as `talos.linux.netlink_socket` is: the kernel answers inside send(2), a dump piece by piece in recv(2).
Sources: linux/genetlink.h, Documentation/userspace-api/netlink/intro.rst. Byte order is the host's.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import TypeVar

from talos.linux import netlink as nl

_NETLINK_GENERIC = 16
_CONTROL, _GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 16, 3, 1, 2
_HEADER = struct.Struct("=BBH")  # command, version of the family, reserved
_RECEIVE_SIZE = 1 << 17

S = TypeVar("S", bound="GenericSocket")


class GenericSocket:
    """Requests to a family in the network namespace in which the socket was opened. NetlinkError (ENOENT): this kernel
    does not know the family."""

    def __init__(self, family: str) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC)
        self._sequence = 0
        self._interrupted = False
        self._name = family
        try:
            self._socket.bind((0, 0))
            self._family = self._family_id(family)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _family_id(self, name: str) -> int:
        for content in self._ask(_CONTROL, _GET_FAMILY, 0, nl.attribute(_FAMILY_NAME, name)):
            for number, value in nl.attributes(content):
                if number == _FAMILY_ID:
                    return int.from_bytes(value, sys.byteorder)
        raise nl.NetlinkError(2, f"no netlink family {name}")

    def change(self, command: int, payload: bytes, what: str) -> None:
        """Send one change and wait for its acknowledgement; NetlinkError otherwise."""
        for _ in self._ask(self._family, command, nl.NLM_F_ACK, payload, what):
            pass

    def dump(self, command: int, payload: bytes, what: str = "") -> list[memoryview]:
        """Attributes of the messages of a dump. One that the kernel marks as interrupted by a change is repeated, up to
        five times; the last counts as it is."""
        for _ in range(5):
            self._interrupted = False
            found = list(self._ask(self._family, command, nl.NLM_F_DUMP, payload, what))
            if not self._interrupted:
                break
        return found

    def _ask(self, family: int, command: int, flags: int, payload: bytes, what: str = "") -> Iterator[memoryview]:
        self._sequence += 1
        message = nl.message(family, nl.NLM_F_REQUEST | flags, self._sequence, _HEADER.pack(command, 1, 0) + payload)
        self._socket.send(message)
        while True:
            for msg in nl.messages(self._socket.recv(_RECEIVE_SIZE)):
                if msg.sequence != self._sequence:
                    continue
                self._interrupted = self._interrupted or bool(msg.flags & nl.NLM_F_DUMP_INTR)
                # A dump that fails half way says so in its last message (netlink_dump of net/netlink/af_netlink.c).
                ends = msg.kind == nl.NLMSG_ERROR or (msg.kind == nl.NLMSG_DONE and len(msg.payload) >= 4)
                if ends and (code := nl.error_code(msg)):
                    raise nl.NetlinkError(code, f"{os.strerror(code)}: {what or f'{self._name} {command}'}")
                if msg.kind in (nl.NLMSG_DONE, nl.NLMSG_ERROR):
                    return
                yield msg.payload[_HEADER.size :]
                if not flags:
                    return

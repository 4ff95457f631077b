"""Messages of the kernel about devices (netlink(7), NETLINK_KOBJECT_UEVENT; lib/kobject_uevent.c).

A message is `ACTION@DEVPATH`, then KEY=VALUE, all ended by zero bytes. Group 1 is the kernel's own; what udev and
others send on group 2 is never read, and a message from anyone but the kernel (port 0) is dropped.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping

from msgspec import Struct

_NETLINK_KOBJECT_UEVENT = 15
_GROUP_KERNEL = 1
_SO_RCVBUFFORCE = 33
_BUFFER = 8 << 20
"""plugging in a shelf of disks sends thousands at once"""
_RECEIVE_SIZE = 16384


class Uevent(Struct, frozen=True):
    """action: add, remove, change, move, bind, unbind, online, offline; device: path below /sys."""

    action: str
    device: str
    values: Mapping[str, str]

    @property
    def subsystem(self) -> str:
        return self.values.get("SUBSYSTEM", "")

    @property
    def modalias(self) -> str:
        return self.values.get("MODALIAS", "")


def decode(data: bytes) -> Uevent | None:
    """One message; None for what is none of the kernel's (udev's begin with "libudev")."""
    head, *rest = data.split(b"\0")
    action, at, device = head.decode("utf-8", "replace").partition("@")
    if not at or not action.isalpha() or not device.startswith("/"):
        return None
    pairs = (word.decode("utf-8", "replace").partition("=") for word in rest if b"=" in word)
    return Uevent(action, device, {name: value for name, _, value in pairs})


class UeventMonitor:
    """Calls received(event) on the event loop, and lost() when some were dropped: then everything must be read anew."""

    def __init__(self, received: Callable[[Uevent], None], lost: Callable[[], None]) -> None:
        self._received, self._lost = received, lost
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, _NETLINK_KOBJECT_UEVENT)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.bind((0, _GROUP_KERNEL))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        while True:
            try:
                data, (port, _groups) = self._socket.recvfrom(_RECEIVE_SIZE)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._lost()
                continue
            event = decode(data) if port == 0 else None
            if event is not None:
                self._received(event)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

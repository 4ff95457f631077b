"""TAP devices (Documentation/networking/tuntap.rst): a link whose other end is a file descriptor."""

from __future__ import annotations

import fcntl
import os
import struct

DEVICE = "/dev/net/tun"
TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def open_tap(name: str) -> int:
    """A new link of that name, in this network namespace; it vanishes when the last copy of the descriptor is closed.
    Frames are read and written with virtio-net's head, as QEMU does. OSError."""
    fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    except BaseException:
        os.close(fd)
        raise
    return fd

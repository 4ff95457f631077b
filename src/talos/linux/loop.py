"""Loop devices (loop(4)): attach an image file read-only, with autoclear.

Autoclear means that the kernel frees the device with its last user, so a process that dies leaves nothing behind.
One device serves all mounts of the same file: two devices would be two block devices to the page cache, and every page
of the image would be in memory twice.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

LOOP_CTL_GET_FREE = 0x4C82
LOOP_CONFIGURE = 0x4C0A
LOOP_GET_STATUS64 = 0x4C05
LO_FLAGS_READ_ONLY = 1
LO_FLAGS_AUTOCLEAR = 4
LO_FLAGS_DIRECT_IO = 16

# struct loop_info64: device, inode, rdevice, offset, sizelimit, number, encrypt_type, key_size, flags, file name,
# crypt name, key, init[2]
_INFO = struct.Struct("=QQQQQIIII64s64s32s2Q")
_MAJOR = 7


def _status(fd: int) -> tuple[int, int] | None:
    buffer = bytearray(_INFO.size)
    try:
        fcntl.ioctl(fd, LOOP_GET_STATUS64, buffer)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EINVAL):
            return None
        raise
    device, inode, *_rest = _INFO.unpack(buffer)
    return device, inode


def _encode_dev(dev: int) -> int:
    """huge_encode_dev() of the kernel, the form loop_info64.lo_device carries."""
    major, minor = os.major(dev), os.minor(dev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def _node(number: int) -> str:
    path = f"/dev/loop{number}"
    if not Path(path).exists():
        os.mknod(path, 0o600 | 0o060000, os.makedev(_MAJOR, number))
    return path


def find_attached(image: Path) -> tuple[str, int] | None:
    """A device that already carries this very file (device and inode), with an open descriptor that keeps it."""
    wanted = image.stat()
    for entry in Path("/sys/block").glob("loop*/loop/backing_file"):
        path = _node(int(entry.parent.parent.name.removeprefix("loop")))
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        if _status(fd) in ((wanted.st_dev, wanted.st_ino), (_encode_dev(wanted.st_dev), wanted.st_ino)):
            return path, fd
        os.close(fd)
    return None


def attach(image: Path, offset: int = 0, size: int = 0) -> tuple[str, int]:
    """Device path for image, and a descriptor to close after mounting it. size 0: to the end.

    The descriptor keeps the device until the mount does. Raises OSError with the file's name.
    """
    found = find_attached(image) if not offset and not size else None
    if found is not None:
        return found
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    backing = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for _attempt in range(64):  # another process may take the free device between the two calls
            path = _node(fcntl.ioctl(control, LOOP_CTL_GET_FREE))
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR
            info = _INFO.pack(0, 0, 0, offset, size, 0, 0, 0, flags, os.fsencode(image)[-63:], b"", b"", 0, 0)
            # struct loop_config: fd, block_size, info, reserved[8]
            try:
                fcntl.ioctl(fd, LOOP_CONFIGURE, struct.pack("=II", backing, 0) + info + bytes(64))
            except OSError as error:
                os.close(fd)
                if error.errno == errno.EBUSY:
                    continue
                raise OSError(error.errno, f"{os.strerror(error.errno or 0)}: loop device for {image}") from error
            return path, fd
    finally:
        os.close(control)
        os.close(backing)
    raise OSError(errno.EBUSY, f"no free loop device for {image}")

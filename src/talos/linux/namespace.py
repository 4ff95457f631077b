"""Namespaces: unshare(2), setns(2), and a block of code run inside a network namespace.

os.unshare and os.setns came with Python 3.12; the host may run 3.11, so both go through ctypes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talos.linux.libc import check, libc

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def unshare(flags: int) -> None:
    """Leave the namespaces named by CLONE_NEW* flags for fresh ones."""
    check(libc().unshare(flags), f"unshare {flags:#x}")


def setns(fd: int, kind: int = 0) -> None:
    """Enter the namespace behind an open file descriptor."""
    check(libc().setns(fd, kind), f"setns fd {fd}")


def prctl(option: int, value: int) -> None:
    """prctl(2) with one argument."""
    check(libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


@contextmanager
def network_namespace(fd: int) -> Iterator[None]:
    """Run the block inside a network namespace, then return.

    Only the calling thread moves, and a socket keeps the namespace it was made in; so this suits opening sockets and
    writing /proc/sys/net, and must not span an await.
    """
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(fd, CLONE_NEWNET)
        try:
            yield
        finally:
            setns(own, CLONE_NEWNET)
    finally:
        os.close(own)


def new_network_namespace() -> int:
    """A fresh network namespace, held only by the file descriptor that is returned: nothing to clean up but it."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(CLONE_NEWNET)
        try:
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            setns(own, CLONE_NEWNET)
    finally:
        os.close(own)


def same_network_namespace(pid: int, fd: int) -> bool:
    """Whether a process is in the network namespace behind fd."""
    try:
        other = Path(f"/proc/{pid}/ns/net").stat()
    except OSError:
        return False
    own = os.fstat(fd)
    return (other.st_dev, other.st_ino) == (own.st_dev, own.st_ino)

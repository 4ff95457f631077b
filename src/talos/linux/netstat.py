"""Sockets of a network namespace as /proc/net lists them (proc_net(5)), and which process holds which.

/proc/net and not sock_diag(7): the kernel's module for sock_diag over UDP and raw sockets is missing on many hosts, and
the wire carries columns (pointer, reference count) that only the tables have.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from talos.linux.namespace import network_namespace

TABLES = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6")
PROC = Path("/proc")
_SOCKET = "socket:["


class Entry(Struct, frozen=True):
    """One line of a table. Addresses as text; timer_when in hundredths of a second; state as the kernel numbers it."""

    table: str
    local_address: str
    local_port: int
    remote_address: str
    remote_port: int
    state: int
    tx_queue: int
    rx_queue: int
    timer: int
    timer_when: int
    retransmits: int
    uid: int
    timeout: int
    inode: int
    references: int
    pointer: int


def entries(tables: Iterable[str], namespace: int | None = None) -> list[Entry]:
    """Lines of these tables, of the calling process's network namespace or the one behind a file descriptor. A table
    that this kernel does not have is empty."""
    if namespace is None:
        return list(_read(tables))
    with network_namespace(namespace):
        return list(_read(tables))


def _read(tables: Iterable[str]) -> Iterator[Entry]:
    for table in tables:
        try:
            text = (PROC / "thread-self" / "net" / table).read_text()
        except FileNotFoundError:
            continue
        yield from parse(table, text)


def parse(table: str, text: str) -> Iterator[Entry]:
    """Entries of one table's text; a line that is cut off is left out."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 12:
            continue
        local, local_port = _endpoint(fields[1])
        remote, remote_port = _endpoint(fields[2])
        tx, _, rx = fields[4].partition(":")
        timer, _, when = fields[5].partition(":")
        yield Entry(
            table,
            local,
            local_port,
            remote,
            remote_port,
            int(fields[3], 16),
            int(tx, 16),
            int(rx, 16),
            int(timer, 16),
            int(when, 16),
            int(fields[6], 16),
            int(fields[7]),
            int(fields[8]),
            int(fields[9]),
            int(fields[10]),
            int(fields[11], 16),
        )


def _endpoint(text: str) -> tuple[str, int]:
    """The kernel prints each 32 bit word of the address in the machine's own order, the port as a plain number."""
    words, _, port = text.partition(":")
    raw = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, raw), int(port, 16)


def holders(inodes: frozenset[int]) -> dict[int, tuple[int, str]]:
    """(pid, name) of a process that has each of these sockets open, the one with the lowest pid if several have."""
    found: dict[int, tuple[int, str]] = {}
    for pid in sorted(int(folder.name) for folder in PROC.iterdir() if folder.name.isdigit()):
        try:
            held = {_inode(descriptor) for descriptor in (PROC / str(pid) / "fd").iterdir()} & inodes
            name = (PROC / str(pid) / "comm").read_text().rstrip("\n") if held - found.keys() else ""
        except OSError:
            continue  # it ended meanwhile
        for inode in held - found.keys():
            found[inode] = (pid, name)
    return found


def _inode(descriptor: Path) -> int:
    try:
        target = str(descriptor.readlink())
    except OSError:
        return -1
    return int(target[len(_SOCKET) : -1]) if target.startswith(_SOCKET) else -1

"""Socket tables: the kernel's text, and sockets of our own found in it."""

from __future__ import annotations

import os
import socket

import pytest

from talos.linux import netstat
from talos.linux.namespace import network_namespace, new_network_namespace

TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000001 02:00000AF1 00000003  1000        7 475819 2 00000000abcdef01 100 0 0 10 0
   1: cut
"""  # noqa: E501


def test_a_line_of_the_kernel_is_read_column_by_column() -> None:
    (entry,) = netstat.parse("tcp6", TCP6)
    assert (entry.local_address, entry.local_port, entry.remote_address, entry.state) == ("::1", 8080, "::", 10)
    assert (entry.tx_queue, entry.rx_queue, entry.timer, entry.timer_when, entry.retransmits) == (0, 1, 2, 0xAF1, 3)
    assert (entry.uid, entry.timeout, entry.inode, entry.references, entry.pointer) == (
        1000, 7, 475819, 2, 0xABCDEF01)  # fmt: skip


@pytest.mark.parametrize(
    ("family", "kind", "table", "state"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "tcp", 10),
        (socket.AF_INET6, socket.SOCK_STREAM, "tcp6", 10),
        (socket.AF_INET, socket.SOCK_DGRAM, "udp", 7),
        (socket.AF_INET6, socket.SOCK_DGRAM, "udp6", 7),
    ],
)
def test_a_listening_socket_is_found_with_its_process(
    family: socket.AddressFamily, kind: socket.SocketKind, table: str, state: int
) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family, kind) as sock:
        sock.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        (entry,) = [e for e in netstat.entries([table]) if e.local_port == sock.getsockname()[1]]
        assert (entry.local_address, entry.state, entry.uid) == (host, state, os.getuid())
        assert entry.inode == os.fstat(sock.fileno()).st_ino
        assert netstat.holders(frozenset({entry.inode}))[entry.inode][0] == os.getpid()


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_another_namespace_has_sockets_of_its_own() -> None:
    namespace = new_network_namespace()
    try:
        with network_namespace(namespace):
            sock = socket.create_server(("0.0.0.0", 45678))
        with sock:
            assert [e.local_port for e in netstat.entries(["tcp"], namespace)] == [45678]
            assert 45678 not in [
                e.local_port for e in netstat.entries(["tcp"]) if e.inode == os.fstat(sock.fileno()).st_ino
            ]
    finally:
        os.close(namespace)


def test_a_table_that_the_kernel_lacks_is_empty() -> None:
    assert netstat.entries(["nosuch"]) == []

"""Packets of one link as they pass: a packet socket (packet(7)) with the caller's filter attached (socket(7))."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from collections.abc import Sequence
from types import TracebackType

from msgspec import Struct

_ETH_P_ALL = 3
_SOL_PACKET = 263
_SIOCGIFHWADDR = 0x8927
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_STATISTICS = 6
_PACKET_AUXDATA = 8
_PACKET_MR_PROMISC = 1
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SCM_TIMESTAMPNS = 35
_STATUS_VLAN_VALID = 1 << 4
_STATUS_VLAN_TPID_VALID = 1 << 6
_AUXDATA = struct.Struct("=IIIHHHH")  # status, length, snapped length, mac, net, vlan tci, vlan tpid
_TIMESPEC = struct.Struct("@qq")
_RECEIVE_BUFFER_BYTES = 4 << 20
_MAC_BYTES = 12
MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS: the kernel takes no longer program."""


class Packet(Struct, frozen=True):
    """One packet from its link header on; data may be shorter than `length`, what it measured on the link."""

    time_ns: int
    length: int
    data: bytes


class PacketSocket:
    """Never blocks: `receive` returns None when nothing is there; `fileno` becomes readable when something is.

    The filter is attached before the socket is bound to the link, so no packet slips in that it would have refused.
    """

    def __init__(
        self,
        interface: str,
        *,
        filter: Sequence[tuple[int, int, int, int]] = (),
        promiscuous: bool = False,
        snap_bytes: int = 65536,
    ) -> None:
        """OSError: no such interface (ENODEV), or a program that the kernel refuses (EINVAL)."""
        self._snap_bytes = snap_bytes
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
        try:
            if filter:
                self._attach(filter)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
            except PermissionError:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            self._socket.bind((interface, _ETH_P_ALL))
            if promiscuous:
                request = struct.pack("@iHH8s", socket.if_nametoindex(interface), _PACKET_MR_PROMISC, 0, b"")
                self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)
        except BaseException:
            self._socket.close()
            raise

    def _attach(self, program: Sequence[tuple[int, int, int, int]]) -> None:
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code))
        )

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> Packet | None:
        """The next packet, cut to the snap length. OSError ENETDOWN when the link goes away."""
        try:
            data, ancillary, _flags, _address = self._socket.recvmsg(
                self._snap_bytes, 256, socket.MSG_DONTWAIT | socket.MSG_TRUNC
            )
        except BlockingIOError:
            return None
        time_ns, length, tag = 0, len(data), b""
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SCM_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                time_ns = seconds * 1_000_000_000 + nanoseconds
            elif (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
                status, length, _snap, _mac, _net, tci, tpid = _AUXDATA.unpack(value[: _AUXDATA.size])
                if status & _STATUS_VLAN_VALID:
                    tag = struct.pack("!HH", tpid if status & _STATUS_VLAN_TPID_VALID else 0x8100, tci)
        if tag and len(data) >= _MAC_BYTES:  # the kernel takes the VLAN tag out; on the link it was there
            data = (data[:_MAC_BYTES] + tag + data[_MAC_BYTES:])[: self._snap_bytes]
            length += len(tag)
        return Packet(time_ns, length, data)

    def dropped(self) -> int:
        """Packets lost since the last call because nobody took them out in time."""
        return int(struct.unpack("=II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1])

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> PacketSocket:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def link_type(interface: str) -> int:
    """ARPHRD_* number of a link (1 Ethernet, 772 loopback, 65534 none); OSError ENODEV if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        # netdevice(7): name[16], then a sockaddr whose family is the type
        answer = fcntl.ioctl(sock, _SIOCGIFHWADDR, struct.pack("16s24x", interface.encode()[:15]))
    return int(struct.unpack_from("=H", answer, 16)[0])

"""What hostile peers do to apid, in a process of their own: the good client must not pay for their work.

python -m tests.unit.apid.attacks FOLDER ATTACK SECONDS     against the server of FOLDER/ready.json; prints the rounds
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from tests.unit.apid.conftest import M
from tests.unit.apid.test_hostile import PREFACE, frame, headers

from talos.client import Client
from talos.client.tls import client_context, unverified_client_context

HOLD_S = 4.0


@dataclass
class Target:
    port: int
    ca: bytes
    admin: tuple[bytes, bytes]
    reader: tuple[bytes, bytes]

    def context(self, pair: tuple[bytes, bytes]) -> ssl.SSLContext:
        return client_context([self.ca], *pair)

    def client(self) -> Client:
        return Client([f"127.0.0.1:{self.port}"], self.context(self.admin))

    @classmethod
    def of(cls, folder: Path) -> Target:
        found = json.loads((folder / "ready.json").read_text())
        admin, reader = (tuple(part.encode() for part in found[name]) for name in ("admin", "reader"))
        return cls(found["port"], found["ca"].encode(), admin, reader)


async def connect(
    target: Target, pair: tuple[bytes, bytes] | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = target.context(pair) if pair else unverified_client_context()
    return await asyncio.open_connection("127.0.0.1", target.port, ssl=context)


async def raw_connection(target: Target) -> asyncio.StreamWriter:
    reader, writer = await connect(target, target.reader)

    async def drain() -> None:
        with suppress(OSError, ssl.SSLError):
            while await reader.read(1 << 16):
                pass

    writer.drained = asyncio.ensure_future(drain())  # type: ignore[attr-defined]
    return writer


async def oversized_headers(target: Target) -> None:
    """Header lists beyond every limit, whole and in pieces that never end."""
    writer = await raw_connection(target)
    writer.write(PREFACE + frame(4, 0, 0, b""))
    block = b"\x00\x04long" + struct.pack(">B", 0x7F) + b"\x81\x7f" + b"x" * 16384
    writer.write(frame(1, 0, 1, block[:16000]))
    for _ in range(200):
        writer.write(frame(9, 0, 1, block[:16000]))  # CONTINUATION without END_HEADERS
        await writer.drain()


async def compression_bomb(target: Target) -> None:
    """One long header put into the table, then referred to thousands of times in a few bytes."""
    writer = await raw_connection(target)
    writer.write(PREFACE + frame(4, 0, 0, b""))
    entry = b"\x40\x01a\x7f\xe1\x1e" + b"v" * 4000
    for number in range(1, 200, 2):
        writer.write(frame(1, 4, number, (entry if number == 1 else b"") + b"\xbe" * 15000))
        await writer.drain()


async def endless_streams(target: Target) -> None:
    """As many calls as a connection takes, each a message of 32 MiB that never comes to its end."""
    writer = await raw_connection(target)
    h2 = H2Connection(H2Configuration(client_side=True))
    h2.initiate_connection()
    numbers = range(1, 200, 2)
    for number in numbers:
        h2.send_headers(number, headers())
    writer.write(h2.data_to_send())
    body = b"\0\x01\xff\xff\xff" + bytes(16000)
    for _ in range(40):
        for number in numbers:
            writer.write(frame(0, 0, number, body))
            body = bytes(16000)
        await writer.drain()


async def rapid_resets(target: Target) -> None:
    writer = await raw_connection(target)
    h2 = H2Connection(H2Configuration(client_side=True))
    h2.initiate_connection()
    for number in range(1, 4000, 2):
        h2.send_headers(number, headers(__path=M + "Logs"))
        h2.reset_stream(number)
        if number % 100 == 1:
            writer.write(h2.data_to_send())
            await writer.drain()


async def ping_and_settings_flood(target: Target) -> None:
    """Frames that ask for an answer each, of a client that reads none."""
    _reader, writer = await connect(target, target.reader)
    writer.write(PREFACE + frame(4, 0, 0, b""))
    for _ in range(400):
        writer.write(frame(6, 0, 0, b"12345678") * 200 + frame(4, 0, 0, b"") * 20)
        await writer.drain()


async def unread_answers(target: Target) -> None:
    """Large answers asked for, none taken: the window stays closed."""
    _reader, writer = await connect(target, target.admin)
    h2 = H2Connection(H2Configuration(client_side=True))
    h2.initiate_connection()
    for number in range(1, 200, 2):
        h2.send_headers(number, headers(__path=M + "Read"))
        h2.send_data(number, b"\0\0\0\0\x06\x0a\x04/999", end_stream=True)
    writer.write(h2.data_to_send())
    await writer.drain()
    await asyncio.sleep(HOLD_S)


async def half_open(target: Target) -> None:
    """TCP connections that never speak."""
    sockets = []
    try:
        for _ in range(50):
            sock = socket.socket()
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", target.port))
            sockets.append(sock)
        await asyncio.sleep(0.3)
    finally:
        for sock in sockets:
            sock.close()


async def slow_handshake(target: Target) -> None:
    """A byte of a TLS greeting now and then."""
    _reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03":
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0.2)


async def no_certificate(target: Target) -> None:
    """Complete handshakes of somebody who has no certificate."""
    _reader, writer = await connect(target, None)
    writer.write(PREFACE)
    await _reader.read(100)


async def thousand_connections(target: Target) -> None:
    """1,000 at once without a certificate, all held."""
    writers: list[asyncio.StreamWriter] = []

    async def one() -> None:
        with suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(30):
                _reader, writer = await connect(target, None)
                writers.append(writer)

    await asyncio.gather(*(one() for _ in range(1000)))
    await asyncio.sleep(0.5)
    for writer in writers:
        writer.transport.abort()


async def idle_connections(target: Target) -> None:
    """Good certificates, connections that are held and never used."""
    _reader, writer = await connect(target, target.reader)
    writer.write(PREFACE + frame(4, 0, 0, b""))
    await asyncio.sleep(HOLD_S)


Attack = Callable[[Target], Awaitable[None]]
ATTACKS: dict[Attack, int] = {
    oversized_headers: 4, compression_bomb: 4, endless_streams: 4, rapid_resets: 4, ping_and_settings_flood: 4,
    unread_answers: 4, half_open: 8, slow_handshake: 100, no_certificate: 50, idle_connections: 100,
    thousand_connections: 1,
}  # fmt: skip
"""How many carry it out at once, again and again."""


async def attacked(target: Target, attack: Attack, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        with suppress(OSError, ssl.SSLError, EOFError, TimeoutError):
            async with asyncio.timeout(HOLD_S + 5):
                await attack(target)
        count += 1
        await asyncio.sleep(0)
    return count


async def main(folder: Path, name: str, seconds: float) -> int:
    warnings.simplefilter("ignore", ResourceWarning)  # attackers do not tidy up
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    target = Target.of(folder)
    (attack,) = [attack for attack in ATTACKS if attack.__name__ == name]
    until = time.monotonic() + seconds
    return sum(await asyncio.gather(*(attacked(target, attack, until) for _ in range(ATTACKS[attack]))))


if __name__ == "__main__":
    print(asyncio.run(main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))))

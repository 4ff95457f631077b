"""Frames that no client of good will sends. Whatever comes, apid lives, answers others, and forgets the sender."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talos.api import machine_pb2
from talos.client.tls import client_context

from .conftest import Cluster, M

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@asynccontextmanager
async def raw(cluster: Cluster) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    context = client_context([cluster.ca.pem], cluster.admin.certificate, cluster.admin.key)
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.first.service.listener.port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


def headers(**changes: str | None) -> list[tuple[str, str]]:
    base: dict[str, str | None] = {
        ":method": "POST",
        ":scheme": "https",
        ":path": M + "Version",
        ":authority": "x",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    base.update({key.replace("__", ":").replace("_", "-"): value for key, value in changes.items()})
    return [(key, value) for key, value in base.items() if value is not None]


async def exchange(cluster: Cluster, head: list[tuple[str, str]], body: bytes, end: bool = True) -> dict[str, str]:
    """Headers and trailers of the answer, or {"reset": code}."""
    h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False))
    async with raw(cluster) as (reader, writer):
        h2.initiate_connection()
        h2.send_headers(1, head)
        h2.send_data(1, body, end_stream=end)
        writer.write(h2.data_to_send())
        found: dict[str, str] = {}
        async with asyncio.timeout(5):
            while data := await reader.read(65536):
                for event in h2.receive_data(data):
                    if isinstance(event, ResponseReceived | TrailersReceived):
                        found.update(dict(event.headers))  # type: ignore[arg-type]
                    elif isinstance(event, DataReceived):
                        found["data"] = event.data.hex()
                    elif isinstance(event, StreamReset):
                        return found | {"reset": str(int(event.error_code))} if "grpc-status" not in found else found
                    elif isinstance(event, StreamEnded):
                        return found
                writer.write(h2.data_to_send())
        return found | {"closed": "yes"}


def message(compressed: bytes) -> bytes:
    """Marked as compressed (the gRPC protocol over HTTP/2, Length-Prefixed-Message)."""
    return b"\x01" + len(compressed).to_bytes(4, "big") + compressed


async def alive(cluster: Cluster) -> None:
    async with cluster.client() as client:
        assert (await client.call(M + "Version", timeout=5)).messages


async def test_recorded_exchanges(cluster: Cluster) -> None:
    empty = b"\0\0\0\0\0"
    answer = await exchange(cluster, headers(), empty)
    assert (answer[":status"], answer["content-type"], answer["grpc-status"], answer["grpc-message"]) == (
        "200",
        "application/grpc",
        "0",
        "",
    )
    truncated = await exchange(cluster, headers(), b"\0\0\0\0\x05\x01")
    assert truncated["grpc-status"] == "13"
    assert "unexpected EOF" in truncated["grpc-message"]
    assert "reset" in await exchange(cluster, headers(content_type="text/plain"), empty)
    assert (await exchange(cluster, headers(grpc_timeout="1n"), empty))["grpc-status"] == "4"
    assert (await exchange(cluster, headers(__path="/nosuch.Service/X"), empty))["grpc-status"] == "12"


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        (headers(), b"\x01\0\0\0\x01x", "12"),  # compressed, and nobody said how
        (headers(grpc_encoding="snappy"), b"\x01\0\0\0\x01x", "12"),
        (headers(grpc_encoding="gzip"), b"\x01\0\0\0\x01x", "13"),
        (headers(grpc_encoding="gzip"), message(gzip.compress(b"", mtime=0)[:-4]), "13"),
        (headers(grpc_encoding="gzip"), message(gzip.compress(bytes(5 << 20), mtime=0)), "8"),
        (headers(grpc_encoding="gzip"), message(gzip.compress(b"", mtime=0)), "0"),
        (headers(grpc_encoding="gzip"), b"\0\0\0\0\0", "0"),  # not every message of such a call is compressed
        (headers(), b"\0\xff\xff\xff\xff", "8"),  # four gigabytes announced
        (headers(), b"\0\0\0\0\0\0\0\0\0\0", "13"),  # two messages to a unary method
        (headers(), b"", "13"),  # none
        (headers(grpc_timeout="soon"), b"\0\0\0\0\0", "13"),
        (headers(__path="no slash"), b"\0\0\0\0\0", "12"),
        (headers(nodes="127.0.0.1,127.0.0.2"), b"\0\0\0\0\0", "0"),  # one odd name: an error inside the answer
        (headers(node=""), b"\0\0\0\0\0", "13"),
    ],
)
async def test_status_of_broken_requests(
    cluster: Cluster, head: list[tuple[str, str]], body: bytes, status: str
) -> None:
    assert (await exchange(cluster, head, body))["grpc-status"] == status
    await alive(cluster)


@pytest.mark.parametrize(
    "extra",
    [
        [(b"x-key", b"\xff\xfe")],
        [(b"x-key", "ö".encode())],
        [(b"user-agent", b"\xff")],
        [(b"x-key", b"y" * 20_000)],
        [(b"x-%d" % i, b"y") for i in range(600)],
        [(b"grpc-timeout", b"9" * 400 + b"H")],
        [(b"grpc-timeout", b"999999999H")],
    ],
)
async def test_headers_that_would_break_the_shared_connection(
    cluster: Cluster, extra: list[tuple[bytes, bytes]]
) -> None:
    async with cluster.client() as client:
        lines = client.stream(M + "Logs", machine_pb2.LogsRequest(follow=True))
        await anext(lines)
        head = [(k.encode(), v.encode()) for k, v in headers()] + extra
        answer = await exchange(cluster, head, b"\0\0\0\0\0")  # type: ignore[arg-type]
        assert answer["grpc-status"] == "13"
        cluster.first.backend.release.set()
        async with asyncio.timeout(5):
            while not (found := [r for r in cluster.first.backend.audit if r.method == "(unreadable headers)"]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(found) == 1 and found[0].code == 13 and len(found[0].message) < 500
        assert [line async for line in lines] == []  # another caller's stream was not cut: it ends in order


async def test_empty_data_frames_inside_a_message(cluster: Cluster) -> None:
    h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    async with raw(cluster) as (reader, writer):
        h2.initiate_connection()
        h2.send_headers(1, headers())
        for part in (b"\0\0", b"", b"\0\0", b"", b"\0"):
            h2.send_data(1, part)
        h2.send_data(1, b"", end_stream=True)
        writer.write(h2.data_to_send())
        found: dict[str, str] = {}
        async with asyncio.timeout(5):
            while "grpc-status" not in found:
                for event in h2.receive_data(await reader.read(65536)):
                    if isinstance(event, TrailersReceived | ResponseReceived):
                        found.update(dict(event.headers))  # type: ignore[arg-type]
    assert found["grpc-status"] == "0"


async def test_many_resets_end_the_connection(cluster: Cluster) -> None:
    h2 = H2Connection(H2Configuration(client_side=True))
    async with raw(cluster) as (reader, writer):
        h2.initiate_connection()
        for number in range(1, 2600, 2):
            h2.send_headers(number, headers(__path=M + "Logs"))
            h2.reset_stream(number)
        writer.write(h2.data_to_send())
        async with asyncio.timeout(10):
            while await reader.read(65536):
                pass
    await alive(cluster)


async def test_calls_of_a_lost_connection_end(cluster: Cluster) -> None:
    h2 = H2Connection(H2Configuration(client_side=True))
    async with raw(cluster) as (_, writer):
        h2.initiate_connection()
        h2.send_headers(1, headers(__path=M + "Logs"))
        h2.send_data(1, b"\0\0\0\0\x02\x20\x01", end_stream=True)  # follow
        writer.write(h2.data_to_send())
        async with asyncio.timeout(5):
            while not cluster.first.backend.seen:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        writer.transport.abort()
    async with asyncio.timeout(5):
        await cluster.first.backend.cancelled.wait()


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


frames = st.lists(
    st.one_of(
        st.builds(
            frame,
            st.integers(0, 12),
            st.integers(0, 255),
            st.sampled_from([0, 1, 1, 2, 3, 5, 2**31 - 1]),
            st.binary(max_size=200),
        ),
        st.binary(max_size=100),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=frames, preface=st.booleans())
async def test_any_frames(cluster: Cluster, parts: list[bytes], preface: bool) -> None:
    async with raw(cluster) as (reader, writer):
        writer.write((PREFACE + frame(4, 0, 0, b"") if preface else b"") + b"".join(parts))
        writer.write_eof() if writer.can_write_eof() else None
        try:
            async with asyncio.timeout(0.02):
                while await reader.read(65536):
                    pass
        except (TimeoutError, OSError):
            pass
    await alive(cluster)

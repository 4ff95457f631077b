"""A debug container: its image is imported, it sees the node, hears its caller, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from talos.api import common_pb2, machine_pb2
from talos.client import ApiError, Client, TalosConfig
from tests.cluster import archive
from tests.cluster.cluster import Cluster, wait_for

NAME = "example.test/debug:1"
IMAGES = "/machine.ImageService/"
RUN = "/machine.DebugService/ContainerRun"
SYSTEM = common_pb2.ContainerdInstance(namespace=common_pb2.NS_SYSTEM)
Spec = machine_pb2.DebugContainerRunRequestSpec
Request = machine_pb2.DebugContainerRunRequest


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    async with Client.from_config(TalosConfig.load(cluster.talosconfig)) as made:
        yield made


async def pieces(data: bytes) -> AsyncIterator[machine_pb2.ImageServiceImportRequest]:
    yield machine_pb2.ImageServiceImportRequest(containerd=SYSTEM)
    for at in range(0, len(data), 1 << 16):
        chunk = common_pb2.Data(bytes=data[at : at + (1 << 16)])
        yield machine_pb2.ImageServiceImportRequest(image_chunk=chunk)


async def listed(client: Client) -> list[str]:
    request = machine_pb2.ImageServiceListRequest(containerd=SYSTEM)
    return [image.name async for image in client.stream(IMAGES + "List", request)]


@pytest.fixture
async def image(client: Client, tmp_path: Path) -> AsyncIterator[str]:
    answer = await client.upload(IMAGES + "Import", pieces(archive.build(tmp_path, NAME).read_bytes()))
    yield answer.name
    await client.call(
        IMAGES + "Remove", machine_pb2.ImageServiceRemoveRequest(containerd=SYSTEM, image_ref=answer.name)
    )
    assert answer.name not in await listed(client)


class Session:
    """One call: what is sent, when the test says so; what came back."""

    def __init__(self, client: Client, spec: Spec) -> None:
        self.output = b""
        self.code: int | None = None
        self._sent: asyncio.Queue[Request | None] = asyncio.Queue()
        self._sent.put_nowait(Request(spec=spec))
        self._answers = client.converse(RUN, self._requests())
        self.task = asyncio.ensure_future(self._read())

    async def _requests(self) -> AsyncIterator[Request]:
        while (request := await self._sent.get()) is not None:
            yield request

    async def _read(self) -> None:
        async for answer in self._answers:
            if answer.WhichOneof("resp") == "exit_code":
                self.code = answer.exit_code
            self.output += answer.stdout_data

    def send(self, request: Request | None) -> None:
        self._sent.put_nowait(request)

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(60):
            while text not in self.output:
                if self.task.done():
                    self.task.result()
                    pytest.fail(f"ended before {text!r}: {self.output!r}")
                await asyncio.sleep(0.05)


def left(cluster: Cluster) -> list[str]:
    return [process.command for process in cluster.all_processes(cluster.nodes[0]) if "/system/debug-" in process.group]


async def test_an_imported_image_runs_in_the_nodes_namespaces_and_echoes(
    cluster: Cluster, client: Client, image: str
) -> None:
    assert image == NAME
    assert image in await listed(client)
    spec = Spec(containerd=SYSTEM, image_name=image, args=["/debug", "one"], env={"DEBUG_X": "y"}, profile=1)
    session = Session(client, spec)
    await session.until(b"ready\n")
    lines = session.output.decode().splitlines()
    assert "arg one" in lines
    assert {"env DEBUG_IMAGE=yes", "env DEBUG_X=y"} <= set(lines)
    assert any(line.startswith("pid1 /") for line in lines)
    assert {"tty 0", "host 1"} <= set(lines)
    assert left(cluster)
    session.send(Request(stdin_data=b"hello\n"))
    await session.until(b"hello\n")
    session.send(None)
    await session.task
    assert session.code == 7
    assert left(cluster) == []


async def test_signals_and_the_terminals_size_reach_it(client: Client, image: str) -> None:
    session = Session(client, Spec(containerd=SYSTEM, image_name=image, tty=True, profile=2))
    await session.until(b"ready\r\n")
    assert b"tty 1\r\nhost 0\r\n" in session.output
    session.send(Request(term_resize=machine_pb2.DebugContainerTerminalResize(width=132, height=43)))
    await session.until(b"size 132 43")
    session.send(Request(signal=10))
    await session.task
    assert b"signal 10" in session.output
    assert session.code == 42


async def test_a_caller_who_leaves_takes_it_along(cluster: Cluster, client: Client, image: str) -> None:
    session = Session(client, Spec(containerd=SYSTEM, image_name=image, args=["/debug", "flood"], profile=1))
    await session.until(b"ready\n")
    assert left(cluster)
    session.task.cancel()
    await asyncio.gather(session.task, return_exceptions=True)
    await session._answers.aclose()
    await asyncio.to_thread(wait_for, lambda: not left(cluster), "the container ends with its caller", 30)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        (lambda: Request(spec=Spec(image_name="example.test/nosuch:1")), "NOT_FOUND"),
        (lambda: Request(spec=Spec()), "INVALID_ARGUMENT"),
        (lambda: Request(stdin_data=b"x"), "INVALID_ARGUMENT"),
    ],
)
async def test_what_cannot_run_says_why(client: Client, spec: Callable[[], Request], status: str) -> None:
    async def requests() -> AsyncIterator[Request]:
        yield spec()

    with pytest.raises(ApiError) as caught:
        async for _ in client.converse(RUN, requests(), timeout=60):
            pass
    assert caught.value.status.name == status


@pytest.mark.parametrize("data", [b"", b"no archive at all" * 1000])
async def test_what_is_no_archive_is_refused(client: Client, data: bytes) -> None:
    before = await listed(client)
    with pytest.raises(ApiError) as caught:
        await client.upload(IMAGES + "Import", pieces(data), timeout=60)
    assert caught.value.status.name == "INVALID_ARGUMENT"
    assert await listed(client) == before


async def test_verify_never_calls_an_unsigned_image_verified(client: Client) -> None:
    answer: Any = await client.call(IMAGES + "Verify", machine_pb2.ImageServiceVerifyRequest(image_ref=NAME))
    assert not answer.verified
    assert "no rule" in answer.message

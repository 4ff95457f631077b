"""A real apid in front of a small real machined: its socket, its State service, and a few methods of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import empty_pb2
from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from msgspec.structs import replace

from talos import api
from talos.api import common_pb2, machine_pb2, pytalos_audit_pb2
from talos.apid.service import Credentials, Service
from talos.client import Client
from talos.client.tls import client_context
from talos.transport.link_server import LinkServer

from .pki import Authority, Pair

M = "/machine.MachineService/"


@dataclass
class Backend:
    """Stands for machined: records what reaches it."""

    name: str = "node"
    text: str = ""
    seen: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    audit: list[pytalos_audit_pb2.Record] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    transports: set[Any] = field(default_factory=set)

    def die(self) -> None:
        """What a kill does to connections."""
        for transport in self.transports:
            transport.abort()

    def _note(self, path: str, stream: Any) -> None:
        self.transports.add(stream.transport)
        metadata: dict[str, list[str]] = {}
        for key, value in stream.metadata.items():
            metadata.setdefault(key, []).append(value)
        self.seen.append((path, metadata))

    async def version(self, stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(
            machine_pb2.VersionResponse(
                messages=[machine_pb2.Version(version=machine_pb2.VersionInfo(tag=self.name, os="linux", arch="amd64"))]
            )
        )

    async def read(self, stream: Any) -> None:
        request = await stream.recv_message()
        if request.path == "/nosuch":
            raise GRPCError(Status.NOT_FOUND, "stat /nosuch: no such file – really")
        if request.path == "/long":
            raise GRPCError(Status.NOT_FOUND, self.text)
        count = int(request.path.strip("/") or 1)
        for _ in range(count):
            await stream.send_message(common_pb2.Data(bytes=self.name.encode() * 8000))

    async def logs(self, stream: Any) -> None:
        """One line, then silence until released."""
        request = await stream.recv_message()
        if request.id == "silent":
            await stream.send_initial_metadata()
        else:
            await stream.send_message(common_pb2.Data(bytes=f"{self.name}\n".encode()))
        try:
            if request.follow:
                await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def recover(self, stream: Any) -> None:
        total = 0
        async for chunk in stream:
            total += len(chunk.bytes)
        await stream.send_message(
            machine_pb2.EtcdRecoverResponse(
                messages=[machine_pb2.EtcdRecover(metadata=common_pb2.Metadata(hostname=str(total)))]
            )
        )

    async def append(self, stream: Any) -> None:
        self.audit.extend((await stream.recv_message()).records)
        await stream.send_message(empty_pb2.Empty())

    def __mapping__(self) -> dict[str, Handler]:
        table = {
            M + "Version": self.version,
            M + "Read": self.read,
            M + "Logs": self.logs,
            M + "EtcdRecover": self.recover,
            "/pytalos.audit.AuditService/Append": self.append,
            "/machine.MachineService/Reboot": self.version,
        }
        cardinality = {
            (False, False): Cardinality.UNARY_UNARY,
            (False, True): Cardinality.UNARY_STREAM,
            (True, False): Cardinality.STREAM_UNARY,
        }
        made = {}
        for path, function in table.items():
            kinds = api.method_types(path)

            def noting(stream: Any, path: str = path, function: Any = function) -> Any:
                if "audit" not in path:
                    self._note(path, stream)
                return function(stream)

            made[path] = Handler(
                noting,
                cardinality[kinds.client_streaming, kinds.server_streaming],
                kinds.request,
                machine_pb2.VersionResponse if path.endswith("Reboot") else kinds.response,
            )
        return made


@dataclass
class Node:
    address: str
    service: Service
    backend: Backend
    server: LinkServer
    socket: str
    credentials: Credentials

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{self.service.listener.port}"

    def maintain(self, **changes: Any) -> None:
        """Be a node that never had a configuration."""
        self.service._current = None
        self.service.apply(replace(self.credentials, maintenance=True, **changes))


@dataclass
class Cluster:
    """Two nodes on loopback addresses; the second is a worker unless told otherwise."""

    ca: Authority
    first: Node
    second: Node
    admin: Pair

    def client(self, pair: Pair | None = None, endpoint: str = "") -> Client:
        pair = pair or self.admin
        return Client([endpoint or self.first.endpoint], client_context([self.ca.pem], pair.certificate, pair.key))


async def start_node(folder: Path, ca: Authority, address: str, port: int, name: str, forwards: bool) -> Node:
    socket = str(folder / f"{name}.sock")
    backend = Backend(name)
    server = LinkServer(backend.__mapping__())
    await server.start(path=socket)
    serving = ca.server(address, name=name)
    outgoing = ca.issue(name, ("os:impersonator",)) if forwards else Pair(b"", b"")
    service = Service(socket, port=port)
    credentials = Credentials((ca.pem,), serving.certificate, serving.key, outgoing.certificate, outgoing.key)
    service.apply(credentials)
    await service.listener.listen(address, port)
    return Node(address, service, backend, server, socket, credentials)


async def stop_node(node: Node) -> None:
    node.backend.release.set()
    await node.service.close()
    node.service.machined.close()
    node.server.close()
    await node.server.wait_closed()


def free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    ca = Authority()
    port = free_port()
    first = await start_node(tmp_path, ca, "127.0.0.1", port, "one", True)
    second = await start_node(tmp_path, ca, "127.0.0.2", port, "two", False)
    tasks = [asyncio.create_task(node.service.audit.run()) for node in (first, second)]
    yield Cluster(ca, first, second, ca.issue("admin", ("os:admin",)))
    for task in tasks:  # first: a record that waits would open a connection to a node that is stopped
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for node in (first, second):
        await stop_node(node)

"""A node's API that answers what was recorded: TLS with client certificates, any method, one answer list per node.

It speaks through grpclib like apid, and knows nothing of what the answers mean.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.server import Server, Stream

from talos import api
from talos.client import Context, TalosConfig
from talos.client.tls import server_context
from talos.pki import certificates

_SERVICES = (
    *("machine.MachineService", "machine.ImageService", "machine.LifecycleService", "machine.DebugService"),
    *("machine.StorageService", "storage.StorageService", "cluster.ClusterService", "inspect.InspectService"),
    *("time.TimeService", "cosi.resource.State", "machine.LVMService", "machine.MDService"),
)
_METHODS = [f"/{service}/{method.name}" for service in _SERVICES for method in api.service_descriptor(service).methods]
Answer = Callable[[Any], Sequence[Message]]
"""what a method answers to a request; raises GRPCError"""


class Replay:
    """Nodes by name; each has answers by method path. `calls` is what was asked."""

    def __init__(self, folder: Path) -> None:
        self.nodes: dict[str, dict[str, Answer]] = {}
        self.calls: list[tuple[str, str, Message]] = []
        self.talosconfig = folder / "talosconfig"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        authority = certificates.new_authority("talos")
        self._authority = authority
        self._identity = certificates.issue_pair(
            authority, ip_addresses=["127.0.0.1"], usage=certificates.Usage.SERVER | certificates.Usage.CLIENT
        )

    def __enter__(self) -> Replay:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def on(self, node: str, path: str, *messages: Message) -> None:
        """Answer with these messages."""
        self.nodes.setdefault(node, {})[path] = lambda _request: messages

    def fail(self, node: str, path: str, status: Status, text: str) -> None:
        """Answer with an error."""

        def answer(_request: Any) -> Sequence[Message]:
            raise GRPCError(status, text)

        self.nodes.setdefault(node, {})[path] = answer

    def _serve(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = Server([self])
        tls = server_context(self._identity.crt, self._identity.key, [self._authority.crt], verify_client=True)
        await server.start("127.0.0.1", 0, ssl=tls)
        assert server._server is not None
        port = server._server.sockets[0].getsockname()[1]
        client = certificates.api_client(self._authority, ["os:admin"])
        context = Context([f"127.0.0.1:{port}"], [], self._authority.crt, client.crt, client.key)
        TalosConfig("replay", {"replay": context}).save(self.talosconfig)
        self._ready.set()
        await self._stop.wait()
        server.close()

    def __mapping__(self) -> dict[str, Handler]:
        found = {}
        for path in _METHODS:
            kinds = api.method_types(path)
            cardinality = {
                (False, False): Cardinality.UNARY_UNARY,
                (False, True): Cardinality.UNARY_STREAM,
                (True, False): Cardinality.STREAM_UNARY,
                (True, True): Cardinality.STREAM_STREAM,
            }[kinds.client_streaming, kinds.server_streaming]
            found[path] = Handler(self._handler(path), cardinality, kinds.request, kinds.response)
        return found

    def _handler(self, path: str) -> Callable[[Stream[Any, Any]], Any]:
        async def handle(stream: Stream[Any, Any]) -> None:
            assert stream.metadata is not None
            node = str(stream.metadata.get("node", ""))
            request = await stream.recv_message()
            assert request is not None
            self.calls.append((node, path, request))
            if node not in self.nodes:
                raise GRPCError(Status.UNAVAILABLE, f"no route to {node}")
            if path not in self.nodes[node]:
                raise GRPCError(Status.UNIMPLEMENTED, f"nothing was recorded for {path}")
            for message in self.nodes[node][path](request):
                await stream.send_message(message)

        return handle


class Recorded:
    """One recorded command: `# args:`, `# exit:`, then what it printed."""

    def __init__(self, text: str) -> None:
        head, _, rest = text.partition("# stdout:\n")
        fields = dict(line[2:].split(": ", 1) for line in head.splitlines() if ": " in line)
        self.args = fields["args"]
        self.exit = int(fields["exit"])
        self.stdout, _, self.stderr = rest.partition("# stderr:\n")

    def rows(self) -> list[dict[str, str]]:
        """Rows of a table by column."""
        return table(self.stdout)


def table(text: str) -> list[dict[str, str]]:
    """Cells by the place of their column's name; names are three spaces apart or more."""
    import re

    lines = text.splitlines()
    if not lines:
        return []
    starts = [(match.start(), match[0]) for match in re.finditer(r"\S+(?: {1,2}\S+)*", lines[0])]
    ends = [start for start, _ in starts[1:]] + [None]
    return [
        {name: line[start:end].rstrip() for (start, name), end in zip(starts, ends, strict=True)} for line in lines[1:]
    ]


class TextLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Times stay text."""


TextLoader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))

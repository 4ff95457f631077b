"""The proxies of `debug-tool air-gapped`, spoken to by Python's own HTTP clients and by clients that mean no good."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.unit.talosctl.test_launch import launched

from talos.config.config import Config
from talos.talosctl.airgapped import proxy
from talos.talosctl.airgapped.command import MANIFEST, certificate, patch
from talos.talosctl.airgapped.proxy import Server

HOST = "127.0.0.1"


class Site(BaseHTTPRequestHandler):
    """Says what it was asked."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fields = {name: self.headers.get(name, "") for name in ("Host", "Via", "X-Forwarded-For")}
        text = f"{self.command} {self.path} {len(body)} {fields}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[int]:
    with ThreadingHTTPServer((HOST, 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@contextmanager
def tool(*arguments: str, folder: Path) -> Iterator[tuple[dict[str, int], Config]]:
    """The command on free ports: port by server, and what it gives to nodes."""
    names = ("https", "proxy", "https-proxy", "https-reverse-proxy")
    ports = [word for name in names for word in (f"--{name}-port", "0")]
    with launched("debug-tool", "air-gapped", "--advertised-address", HOST, *ports, *arguments) as (process, said):
        found = {}
        assert process.stderr is not None and process.stdout is not None
        while not said.startswith("wrote "):
            name, _, url = said.rpartition(": ")
            assert url, said + process.stderr.read()
            found[name.split(" of ")[0]] = int(url.rpartition(":")[2])
            said = process.stderr.readline()
        yield found, Config.decode((folder / "air-gapped-patch.yaml").read_text())


def asked(connection: http.client.HTTPConnection, method: str, url: str, **more: Any) -> str:
    """What is answered; the connection is closed."""
    with closing(connection):
        connection.request(method, url, **more)
        return connection.getresponse().read().decode()


def test_nodes_reach_what_they_must_by_each_of_them(site: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = f"http://{HOST}:{site}/base/"
    with tool("--https-reverse-proxy-target", target, folder=tmp_path) as (ports, config):
        manifest = config.cluster.external_manifests[-1]
        assert manifest.url == f"https://{HOST}:{ports['manifest']}/debug.yaml"
        authority = next(document.certificates for document in config if document.KIND == "TrustedRootsConfig")
        trust = ssl.create_default_context(cadata=authority)

        def tls(server: str) -> http.client.HTTPSConnection:
            return http.client.HTTPSConnection(HOST, ports[server], context=trust, timeout=20)

        def plain() -> http.client.HTTPConnection:
            return http.client.HTTPConnection(HOST, ports["HTTP proxy"], timeout=20)

        assert asked(tls("manifest"), "GET", "/debug.yaml") == MANIFEST
        answer = asked(plain(), "POST", f"http://{HOST}:{site}/a?b=1", body=b"x" * 200_000)
        assert answer.startswith("POST /a?b=1 200000") and "'Via': '1.1 talosctl'" in answer
        for proxied in (plain(), tls("HTTPS proxy")):
            chunks = {"body": iter([b"ab", b"c"]), "encode_chunked": True, "headers": {"Transfer-Encoding": "chunked"}}
            assert asked(proxied, "POST", f"http://{HOST}:{site}/c", **chunks).startswith("POST /c 3 ")
        tunnel = http.client.HTTPSConnection(HOST, ports["HTTP proxy"], context=trust, timeout=20)
        tunnel.set_tunnel(HOST, ports["manifest"])
        assert asked(tunnel, "GET", "/debug.yaml") == MANIFEST
        answer = asked(tls("HTTPS reverse proxy"), "GET", "/x", headers={"Host": "name.example"})
        assert answer.startswith("GET /base/x 0") and "'Host': 'name.example'" in answer
        assert f"'X-Forwarded-For': '{HOST}'" in answer


def test_the_patch_says_what_was_asked_for() -> None:
    authority = certificate("10.5.0.2")[1]
    with_proxy = Config.decode(patch("https://10.5.0.2:8001", "http://10.5.0.2:8002", "10.5.0.2", authority))
    assert with_proxy.machine.env == {
        "http_proxy": "http://10.5.0.2:8002",
        "https_proxy": "http://10.5.0.2:8002",
        "no_proxy": "10.5.0.0/24",
    }
    without = Config.decode(patch("https://10.5.0.2:8001", "", "10.5.0.2", authority))
    assert without.machine.env == {}


@asynccontextmanager
async def serving(handler: Any, **more: Any) -> Any:
    said: list[str] = []
    server = await Server(handler, said.append, **more).start(HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def says(port: int, data: bytes) -> bytes:
    """All that comes back."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(data)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000, b"HTTP/1.1 431 "),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
        (b"CONNECT here HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
        (b"\x16\x03\x01\r\n\r\n", b"HTTP/1.1 400 "),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 502 "),
    ],
)
async def test_what_cannot_be_served_is_said(data: bytes, answer: bytes) -> None:
    async with serving(proxy.forward) as port:
        assert (await says(port, data)).startswith(answer)


async def test_who_says_nothing_is_not_waited_for() -> None:
    async with serving(proxy.forward, head_s=0.05) as port:
        assert (await says(port, b"GET http")).startswith(b"HTTP/1.1 408 ")


async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "MAX_CONNECTIONS", 2)
    async with serving(proxy.forward) as port:
        held = [await asyncio.open_connection(HOST, port) for _ in range(2)]
        assert (await says(port, b"")).startswith(b"HTTP/1.1 503 ")
        for _, writer in held:
            writer.close()


Taker = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    "body",
    [
        b"POST %s HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyGET /hidden HTTP/1.1\r\n\r\n",
        b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n",
        b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbodyGET /hidden HTTP/1.1\r\n\r\n",
        b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x4\r\nbodyGET /hidden HTTP/1.1\r\n\r\n",
    ],
)
async def test_no_request_hides_behind_the_body_of_another(body: bytes) -> None:
    """What follows a body, or a body that is not of its length, reaches nobody."""
    got: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def collect() -> None:
            while data := await reader.read(1000):
                got.append(data)
                if b"body" in b"".join(got):
                    break

        try:
            await collect()
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            pass
        writer.close()

    behind = await asyncio.start_server(take, HOST, 0)
    url = f"http://{HOST}:{behind.sockets[0].getsockname()[1]}/".encode()
    async with serving(proxy.forward) as port:
        await says(port, body.replace(b"%s", url))
    behind.close()
    await behind.wait_closed()
    assert b"hidden" not in b"".join(got)

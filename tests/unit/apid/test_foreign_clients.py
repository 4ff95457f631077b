"""Clients that are none of ours: grpcurl (Go) and the Python client of Talos 1.6 on PyPI."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from .conftest import Cluster, M
from .pki import Pair

pytestmark = pytest.mark.slow

GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"
PYPI = "talos-linux-api-v1-6-0==0.1.0"
API = Path(__file__).parents[3] / "api"

CLIENT = """
import asyncio, ssl, sys
from betterproto.lib.google.protobuf import Empty
from grpclib.client import Channel
from grpclib.exceptions import GRPCError
from talos_linux_api.v1_6_0.machine import LogsRequest, MachineServiceStub, ReadRequest
host, port, ca, crt, key = sys.argv[1:6]
async def main():
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.load_cert_chain(crt, key)
    context.set_alpn_protocols(["h2"])
    channel = Channel(host, int(port), ssl=context)
    stub = MachineServiceStub(channel)
    print((await stub.version(Empty())).messages[0].version.tag)
    for message in (await stub.version(Empty(), metadata=[("nodes", "127.0.0.1"), ("nodes", "127.0.0.2")])).messages:
        print(message.metadata.hostname, message.version.tag)
    print(sum([len(data.bytes) async for data in stub.read(ReadRequest(path="/3"), metadata={"node": "127.0.0.2"})]))
    try:
        async for _ in stub.read(ReadRequest(path="/nosuch")): pass
    except GRPCError as error:
        print(error.status.name, error.message)
    channel.close()
asyncio.run(main())
"""


async def run(*command: str | Path, check: bool = True, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=os.environ | environment)  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0 or not check, out.decode()
    return out.decode()


def write(folder: Path, cluster: Cluster, pair: Pair) -> list[Path]:
    files = {"ca": cluster.ca.pem, "crt": pair.certificate, "key": pair.key.replace(b"ED25519 ", b"")}
    paths = []
    for name, data in files.items():
        path = folder / f"{name}.pem"
        path.write_bytes(data)
        paths.append(path)
    return paths


async def test_grpcurl(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("grpcurl is built from its Go module, and there is no go")
    folder = tmp_path_factory.mktemp("grpcurl")
    await run(go, "install", GRPCURL, GOBIN=str(folder))
    ca, crt, key = write(folder, cluster, cluster.admin)
    imports = folder / "import"
    (imports / "talos").mkdir(parents=True)
    (imports / "talos" / "api").symlink_to(API)

    async def call(method: str, *flags: str, data: str = "{}", check: bool = True) -> str:
        return await run(
            folder / "grpcurl", "-cacert", ca, "-cert", crt, "-key", key, "-import-path", imports,
            "-proto", "talos/api/machine.proto", *flags, "-d", data, cluster.first.endpoint, method,
            check=check)  # fmt: skip

    assert json.loads(await call(M[1:] + "Version"))["messages"][0]["version"]["tag"] == "one"
    both = json.loads(await call(M[1:] + "Version", "-H", "nodes: 127.0.0.1", "-H", "nodes: 127.0.0.2"))
    assert [m["metadata"]["hostname"] for m in both["messages"]] == ["127.0.0.1", "127.0.0.2"]
    assert json.loads(await call(M[1:] + "Version", "-H", "node: 127.0.0.2"))["messages"][0]["version"]["tag"] == "two"
    assert (await call(M[1:] + "Read", data='{"path": "/3"}')).count("bytes") == 3
    missing = await call(M[1:] + "Read", data='{"path": "/nosuch"}', check=False)
    assert "NotFound" in missing
    assert "no such file – really" in missing


async def test_python_client_of_pypi(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("client")
    await run(sys.executable, "-m", "venv", folder / "venv")
    await run(folder / "venv" / "bin" / "pip", "install", "-q", PYPI)
    files = write(folder, cluster, cluster.admin)
    script = folder / "client.py"
    script.write_text(CLIENT)
    port = str(cluster.first.service.listener.port)
    out = await run(folder / "venv" / "bin" / "python", script, "127.0.0.1", port, *files)
    assert out.splitlines() == [
        "one", "127.0.0.1 one", "127.0.0.2 two", "72000", "NOT_FOUND stat /nosuch: no such file – really"]  # fmt: skip

"""The process as a whole: from resources to an answered call, and through their changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from talos.apid.main import serve
from talos.client import ApiError, Client
from talos.client.tls import client_context
from talos.resources.pem import Certificate, CertificateAndKey
from talos.resources.runtime import APIServiceConfigSpec
from talos.resources.secrets import APICertsSpec
from talos.state import Resource
from talos.state.inmemory import InMemoryState
from talos.transport.link_server import LinkServer

from .conftest import Backend, M, free_port
from .pki import Authority, Pair


def certificates(ca: Authority, server: Pair) -> APICertsSpec:
    return APICertsSpec(
        accepted_cas=[Certificate(crt=ca.pem.decode())],
        server=CertificateAndKey(crt=server.certificate.decode(), key=server.key.decode()),
    )


async def answered(client: Client) -> str:
    async with asyncio.timeout(5):
        while True:
            try:
                return str((await client.call(M + "Version")).messages[0].version.tag)
            except ApiError:
                await asyncio.sleep(0.01)


async def test_from_resources_to_answers(tmp_path: Path) -> None:
    backend = Backend("node")
    machined = LinkServer(backend.__mapping__())
    await machined.start(path=str(tmp_path / "machine.sock"))
    state, port, ca = InMemoryState(), free_port(), Authority()
    task = asyncio.create_task(serve(state, str(tmp_path / "machine.sock"), str(tmp_path / "apid.sock")))
    admin = ca.issue("admin", ("os:admin",))
    await state.create(Resource.new(APICertsSpec, "api", certificates(ca, ca.server("127.0.0.1"))))
    config = APIServiceConfigSpec(listen_address=f"127.0.0.1:{port}")
    await state.create(Resource.new(APIServiceConfigSpec, "apid", config))
    try:
        async with Client([f"127.0.0.1:{port}"], client_context([ca.pem], admin.certificate, admin.key)) as client:
            assert await answered(client) == "node"
        assert (tmp_path / "apid.sock").is_socket()

        other = Authority()  # another CA: the same listener, new callers

        def renew(_: APICertsSpec) -> APICertsSpec:
            return certificates(other, other.server("127.0.0.1"))

        await state.modify(APICertsSpec, "api", renew)
        admin = other.issue("admin", ("os:admin",))
        async with Client([f"127.0.0.1:{port}"], client_context([other.pem], admin.certificate, admin.key)) as client:
            assert await answered(client) == "node"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        machined.close()
        await machined.wait_closed()
    assert len(backend.audit) == 2  # handed over before the end

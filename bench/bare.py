"""The floor of the API's figures: one bare grpclib server that answers Version, mutual TLS with Ed25519, no apid.

    python -m bench.bare FOLDER     writes port, ca.pem, crt.pem and key.pem (of a client) there and serves until killed
"""
from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib.const import Cardinality, Handler
from grpclib.server import Server

from talos.api import machine_pb2
from talos.client.tls import server_context
from talos.pki import certificates
from talos.pki.certificates import Usage

ANSWER = machine_pb2.VersionResponse(
    messages=[
        machine_pb2.Version(
            version=machine_pb2.VersionInfo(tag="v1.14.0", sha="0", go_version="", os="linux", arch="amd64"),
            platform=machine_pb2.PlatformInfo(name="container", mode="container"),
        )
    ]
)


class Bare:
    """One method."""

    async def version(self, stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(ANSWER)

    def __mapping__(self) -> dict[str, Handler]:
        return {
            "/machine.MachineService/Version": Handler(
                self.version, Cardinality.UNARY_UNARY, Empty, machine_pb2.VersionResponse
            )
        }


async def main(folder: Path) -> None:
    authority = certificates.new_authority("talos")
    serving = certificates.issue_pair(authority, common_name="bare", ip_addresses=["127.0.0.1"], usage=Usage.SERVER)
    client = certificates.api_client(authority, ["os:admin"])
    server = Server([Bare()])
    context = server_context(serving.crt, serving.key, [authority.crt], verify_client=True)
    await server.start("127.0.0.1", 0, ssl=context)
    assert server._server is not None
    port = server._server.sockets[0].getsockname()[1]
    for name, data in (("ca", authority.crt), ("crt", client.crt), ("key", client.key)):
        (folder / f"{name}.pem").write_bytes(data)
    (folder / "port.new").write_text(str(port))
    (folder / "port.new").rename(folder / "port")
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

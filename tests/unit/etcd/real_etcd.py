"""A member of its own with mutual TLS, as on a node: the program that the image carries."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from talos.etcd.client import EtcdClient, EtcdUnavailableError
from talos.pki.certificates import Usage, issue_pair, new_authority
from talos.pki.keys import Algorithm

PROGRAM = Path(__file__).resolve().parents[3] / "_out/components/node"
BOTH = Usage.SERVER | Usage.CLIENT


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def etcd_program(folder: Path) -> str:
    """The multi-call program under etcd's name."""
    program = folder / "etcd"
    if not program.is_symlink():
        program.symlink_to(PROGRAM)
    return str(program)


@contextlib.asynccontextmanager
async def member(
    folder: Path, data: Path, *, founds: bool = True, ports: tuple[int, int] = (0, 0)
) -> AsyncIterator[EtcdClient]:
    """etcd with its data there, and a client; `founds`: the data are to be made. `ports`: client and peer."""
    ca = new_authority("etcd", algorithm=Algorithm.ECDSA_P256)
    pair = issue_pair(ca, common_name="n1", ip_addresses=["127.0.0.1"], usage=BOTH, key_encipherment=True)
    for name, content in (("ca.crt", ca.crt), ("node.crt", pair.crt), ("node.key", pair.key)):
        (folder / name).write_bytes(content)
    client_port, peer_port = (port or free_port() for port in ports)
    peer = f"https://127.0.0.1:{peer_port}"
    process = await asyncio.create_subprocess_exec(
        etcd_program(folder),
        "--name=n1",
        f"--data-dir={data}",
        f"--listen-client-urls=https://127.0.0.1:{client_port}",
        f"--advertise-client-urls=https://127.0.0.1:{client_port}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        *([f"--initial-cluster=n1={peer}"] if founds else []),
        f"--cert-file={folder / 'node.crt'}",
        f"--key-file={folder / 'node.key'}",
        f"--trusted-ca-file={folder / 'ca.crt'}",
        f"--peer-cert-file={folder / 'node.crt'}",
        f"--peer-key-file={folder / 'node.key'}",
        f"--peer-trusted-ca-file={folder / 'ca.crt'}",
        "--client-cert-auth=true",
        "--log-level=error",
        env={**os.environ, "ETCD_UNSUPPORTED_ARCH": ""},
    )
    client = EtcdClient(["127.0.0.1"], ca=ca.crt, certificate=pair.crt, key=pair.key, port=client_port)
    try:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(EtcdUnavailableError):
                    if (await client.status()).leader:
                        break
                await asyncio.sleep(0.05)
        yield client
    finally:
        client.close()
        process.kill()
        await process.wait()

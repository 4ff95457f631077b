"""talosctl bootstrap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from talos.api import common_pb2

_CHUNK_BYTES = 1 << 20


@click.command(cls=Command)
@client_options
@click.option("--recover-from", default="", metavar="FILE", help="begin with the etcd data of this snapshot")
@click.option("--recover-skip-hash-check", is_flag=True, help="accept a snapshot that was copied from a data folder")
def bootstrap(session: Session, recover_from: str, recover_skip_hash_check: bool) -> None:
    """Start etcd on one control plane node: once in the life of a cluster."""
    from talos.api import machine_pb2
    from talos.client import ApiError

    (node,) = session.targets(exactly_one=True, command="bootstrap")
    if recover_from and not Path(recover_from).is_file():
        raise click.ClickException(f"--recover-from: there is no file {recover_from}")

    async def chunks() -> AsyncIterator[common_pb2.Data]:
        from talos.api import common_pb2

        with Path(recover_from).open("rb") as file:  # noqa: ASYNC230 - nothing else runs
            while data := file.read(_CHUNK_BYTES):
                yield common_pb2.Data(bytes=data)

    async def main() -> None:
        if recover_from:
            await session.client(node).upload(
                "/machine.MachineService/EtcdRecover", chunks(), node=session.target(node)
            )
        await session.call(
            node,
            "/machine.MachineService/Bootstrap",
            machine_pb2.BootstrapRequest(
                recover_etcd=bool(recover_from), recover_skip_hash_check=recover_skip_hash_check
            ),
        )

    try:
        session.run(main)
    except ApiError as error:
        raise click.ClickException(f"error executing bootstrap on node {node}: {error}") from error

"""talosctl copy."""

from __future__ import annotations

import asyncio
import copy as copying
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Session


@click.command(cls=Command)
@client_options
@click.argument("source")
@click.argument("destination", metavar="FOLDER|-")
def copy(session: Session, source: str, destination: str) -> None:
    """Copy a file or folder of one node into a local folder; - writes the gzipped tar to standard output."""
    from talos.api import machine_pb2
    from talos.client import ApiError

    (node,) = session.targets(exactly_one=True, command="copy")
    target = Path(destination)
    if destination != "-" and target.exists() and not target.is_dir():
        raise click.ClickException(f"{target} is not a folder")

    async def fetch(out: IO[bytes]) -> None:
        async for chunk in session.stream(
            node, "/machine.MachineService/Copy", machine_pb2.CopyRequest(root_path=source)
        ):
            await asyncio.to_thread(out.write, chunk.bytes)

    try:
        if destination == "-":
            session.run(lambda: fetch(sys.stdout.buffer))
            sys.stdout.buffer.flush()
            return
        with tempfile.TemporaryFile() as archive:
            session.run(lambda: fetch(archive))
            archive.seek(0)
            target.mkdir(parents=True, exist_ok=True)
            try:
                with tarfile.open(fileobj=archive, mode="r:gz") as tar:
                    unpack(tar, target)
            except tarfile.TarError as error:
                raise click.ClickException(f"the node's answer cannot be unpacked into {target}: {error}") from error
    except ApiError as error:
        raise click.ClickException(f"error copying {source} from node {node}: {error}") from error


def unpack(tar: tarfile.TarFile, target: Path) -> None:
    """Nothing outside the folder, no devices, no set-uid. TarError, OSError.

    A node's /etc is full of links that lead out of what was copied: they are made as they are, behind everything else,
    so that no file is written through one.
    """
    away: list[tarfile.TarInfo] = []

    def inside(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        try:
            return tarfile.data_filter(member, path)
        except (tarfile.AbsoluteLinkError, tarfile.LinkOutsideDestinationError):
            if not member.issym():
                raise
            away.append(member)
            return None

    tar.extractall(target, filter=inside)
    for member in away:
        # Its own name must be inside all the same: what it leads to no longer counts.
        named = copying.copy(member)
        named.type = tarfile.REGTYPE
        path = target / tarfile.data_filter(named, str(target)).name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            raise tarfile.ExtractError(f"{member.name!r} is a link, and {path} is a folder already")
        path.unlink(missing_ok=True)
        path.symlink_to(member.linkname)

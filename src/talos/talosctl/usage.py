"""talosctl usage."""

from __future__ import annotations

import sys
from typing import Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import size, table
from talos.talosctl.session import Answers, Failed, Session


@click.command(cls=Command)
@client_options
@click.option("-H", "--humanize", is_flag=True, help="sizes as a person says them")
@click.option("-a", "--all", "everything", is_flag=True, help="files as well, not only folders")
@click.option("-d", "--depth", type=int, default=0, help="levels of folders to show")
@click.option("-t", "--threshold", type=int, default=0, metavar="BYTES", help="leave out what is smaller")
@click.argument("paths", nargs=-1)
def usage(
    session: Session, paths: tuple[str, ...], humanize: bool, everything: bool, depth: int, threshold: int
) -> None:
    """Show how much space folders of nodes take."""
    from talos.api import machine_pb2

    request = machine_pb2.DiskUsageRequest(
        recursion_depth=depth, all=everything, threshold=threshold, paths=paths or ("/",)
    )

    async def one(node: str) -> list[Any]:
        return [info async for info in session.stream(node, "/machine.MachineService/DiskUsage", request)]

    answers: Answers[list[Any]] = session.run(lambda: session.each(one))
    failed = False
    several = len(session.targets()) > 1
    rows = []
    for node, infos in answers.good:
        for info in infos:
            if info.error:
                failed = True
                print(f"error from node {node}: {info.error}", file=sys.stderr)
            else:
                row = (size(info.size) if humanize else info.size, info.relative_name)
                rows.append((node, *row) if several else row)
    if rows or not failed:
        table((*(("NODE",) if several else ()), "SIZE", "NAME"), rows)
    answers.finish()
    if failed:
        raise Failed

"""talosctl diskfree."""

from __future__ import annotations

from typing import Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import size, table
from talos.talosctl.session import Answers, Session

_VOLUMES = "VolumeStatuses.block.talos.dev"


@click.command(cls=Command)
@client_options
@click.option("-b", "--bytes", "exact", is_flag=True, help="bytes, not rounded")
@click.option("-i", "--inodes", is_flag=True, help="inodes instead of bytes")
@click.argument("volume", metavar="[VOLUME]", default="")
def diskfree(session: Session, volume: str, exact: bool, inodes: bool) -> None:
    """Show how full the mounted volumes of nodes are."""

    async def one(node: str) -> list[tuple[object, ...]]:
        return [
            await _row(session, node, name, spec, exact, inodes) for name, spec in await _mounted(session, node, volume)
        ]

    answers: Answers[list[tuple[object, ...]]] = session.run(lambda: session.each(one))
    figures = ("INODES", "IUSED", "IFREE", "%IUSED") if inodes else ("SIZE", "USED", "AVAILABLE", "USAGE")
    rows = [row for _, found in answers.good for row in found]
    if rows or not answers.errors:
        table(("NODE", "VOLUME", "FILESYSTEM", *figures, "MOUNT POINT"), rows)
    answers.finish()


async def _mounted(session: Session, node: str, volume: str) -> list[tuple[str, dict[str, Any]]]:
    from talos.api import cosi_resource_pb2 as pb
    from talos.talosctl.resource_output import spec_of

    found = []
    async for reply in session.stream(
        node, "/cosi.resource.State/List", pb.ListRequest(namespace="runtime", type=_VOLUMES)
    ):
        name, spec = reply.resource.metadata.id, spec_of(reply.resource)
        if (volume and name != volume) or not isinstance(spec, dict):
            continue
        if spec.get("type") in ("disk", "partition", "tmpfs") and (spec.get("mountSpec") or {}).get("targetPath"):
            found.append((name, spec))
    if volume and not found:
        raise click.ClickException(f'error from node {node}: volume "{volume}" not found, or it is not mounted')
    return found


async def _row(
    session: Session, node: str, name: str, spec: dict[str, Any], exact: bool, inodes: bool
) -> tuple[object, ...]:
    from talos.api import machine_pb2

    target = spec["mountSpec"]["targetPath"]
    stat = await session.call(
        node, "/machine.StorageService/Statfs", machine_pb2.StorageServiceStatfsRequest(path=target)
    )
    total, used, free = (
        (stat.inodes, stat.inodes_used, stat.inodes_free) if inodes else (stat.size, stat.used, stat.available)
    )
    share = f"{100 * used / total:.2f}%" if total else "-"
    shown = (total, used, free) if exact or inodes else (size(total), size(used), size(free))
    return (node, name, spec.get("filesystem") or "none", *shown, share, target)

"""talosctl diskfree."""

from __future__ import annotations

from typing import Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import binary_size, decimal_count, table
from talos.talosctl.session import Answers, Session

_INSIDE_ANOTHER = ("directory", "symlink", "overlay")
Row = tuple[object, ...]


@click.command(cls=Command)
@client_options
@click.option("-b", "--bytes", "exact", is_flag=True, help="whole numbers, not rounded")
@click.option("-i", "--inodes", is_flag=True, help="inodes instead of bytes")
@click.argument("volume", metavar="[VOLUME]", default="")
def diskfree(session: Session, volume: str, exact: bool, inodes: bool) -> None:
    """Show how full the mounted volumes of nodes are: those with a filesystem of their own."""

    async def one(node: str) -> list[Row] | str:
        """Its rows, or why there are none."""
        if volume and (problem := await _problem(session, node, volume)):
            return problem
        mounts = [spec for spec in await _mounted(session, node) if volume in ("", _volume(spec))]
        if volume and not mounts:
            return f'volume "{volume}" not mounted'
        return [await _row(session, node, spec, exact, inodes) for spec in mounts]

    answers: Answers[list[Row] | str] = session.run(lambda: session.each(one))
    figures = ("INODES", "IUSED", "IFREE", "%IUSED") if inodes else ("SIZE", "USED", "AVAILABLE", "USAGE")
    found = [rows for _, rows in answers.good if not isinstance(rows, str)]
    answers.errors += [(node, click.ClickException(said)) for node, said in answers.good if isinstance(said, str)]
    if found:
        table(("NODE", "VOLUME", "FILESYSTEM", *figures, "MOUNT POINT"), [row for rows in found for row in rows])
    answers.finish()


def _volume(mount: dict[str, Any]) -> str:
    return str((mount.get("spec") or {}).get("volumeID", ""))


async def _problem(session: Session, node: str, volume: str) -> str:
    """Why there is nothing to measure of a volume; empty if there is."""
    from grpclib import Status

    from talos.api import cosi_resource_pb2 as pb
    from talos.client import ApiError
    from talos.talosctl.resource_output import spec_of

    request = pb.GetRequest(namespace="runtime", type="VolumeStatuses.block.talos.dev", id=volume)
    try:
        reply = await session.call(node, "/cosi.resource.State/Get", request)
    except ApiError as error:
        if error.status is Status.NOT_FOUND:
            return f'volume "{volume}" not found'
        raise
    spec = spec_of(reply.resource)
    if (phase := spec.get("phase")) != "ready":
        return f'volume "{volume}" is not ready (phase: {phase})'
    if (kind := spec.get("type")) in _INSIDE_ANOTHER:
        return f'volume "{volume}" is a {kind} volume, which does not have its own filesystem'
    return ""


async def _mounted(session: Session, node: str) -> list[dict[str, Any]]:
    """What is mounted from a device; the rest lies in one of these."""
    from talos.api import cosi_resource_pb2 as pb
    from talos.talosctl.resource_output import spec_of

    found = []
    request = pb.ListRequest(namespace="runtime", type="MountStatuses.block.talos.dev")
    async for reply in session.stream(node, "/cosi.resource.State/List", request):
        spec = spec_of(reply.resource)
        if isinstance(spec, dict) and spec.get("source") and not spec.get("detached"):
            found.append(spec)
    return found


async def _row(session: Session, node: str, spec: dict[str, Any], exact: bool, inodes: bool) -> Row:
    from talos.api import machine_pb2

    target = spec["target"]
    stat = await session.call(
        node, "/machine.StorageService/Statfs", machine_pb2.StorageServiceStatfsRequest(path=target)
    )
    shown = str if exact else decimal_count if inodes else _compact
    figures: tuple[int, int, int]
    if inodes:
        figures, total = (stat.inodes, stat.inodes_used, stat.inodes_free), stat.inodes
    else:  # what only root may fill is no part of the whole, as df counts it
        figures, total = (stat.size, stat.used, stat.available), stat.used + stat.available
    return (node, _volume(spec), spec["source"], *map(shown, figures), _share(figures[1], total), target)


def _compact(count: int) -> str:
    return binary_size(count).replace(" ", "")


def _share(used: int, total: int) -> str:
    """In whole percent, rounded up."""
    return f"{-(-100 * used // total)}%" if total else "-"

"""talosctl list."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click

from talos.talosctl import output
from talos.talosctl.options import Command, ListOption, client_options
from talos.talosctl.output import size, table
from talos.talosctl.session import Answers, Session

_TYPES = {"f": "REGULAR", "d": "DIRECTORY", "l": "SYMLINK", "L": "SYMLINK"}
_KINDS = "dalTLDpSugct?"


def mode_text(mode: int) -> str:
    """drwxr-xr-x of Go's file mode bits, which FileInfo.mode carries: kinds from bit 31 down, then permissions."""
    kinds = "".join(letter for bit, letter in enumerate(_KINDS) if mode & 1 << (31 - bit))
    permissions = "".join(letter if mode & 1 << (8 - bit) else "-" for bit, letter in enumerate("rwxrwxrwx"))
    return (kinds or "-") + permissions


@click.command("list", cls=Command)
@client_options
@click.option("-l", "--long", is_flag=True, help="mode, owner, size and time as well")
@click.option("-H", "--humanize", is_flag=True, help="sizes and times as a person says them, with --long")
@click.option("-r", "--recurse", is_flag=True, help="whole tree")
@click.option("-d", "--depth", type=int, default=1, help="levels of folders to go down")
@click.option("-t", "--type", "types", cls=ListOption, metavar="f,d,l", help="only files, folders or links")
@click.argument("path", default="/")
def list_files(
    session: Session, path: str, long: bool, humanize: bool, recurse: bool, depth: int, types: list[str]
) -> None:
    """List a folder of nodes."""
    from talos.api import machine_pb2

    if recurse and depth != 1:
        raise click.UsageError("--recurse and --depth exclude each other")
    unknown = [t for t in types if t not in _TYPES]
    if unknown:
        raise click.UsageError(f"--type is f, d or l, not {unknown[0]!r}")
    request = machine_pb2.ListRequest(
        root=path,
        recurse=recurse or depth != 1 or bool(types),
        recursion_depth=0 if recurse or (types and depth == 1) else depth,
        types=[_TYPES[t] for t in types],
        report_xattrs=long,
    )

    async def one(node: str) -> list[Any]:
        return [info async for info in session.stream(node, "/machine.MachineService/List", request)]

    answers: Answers[list[Any]] = session.run(lambda: session.each(one))
    entries = [(node, info) for node, found in answers.good for info in found]
    for node, info in entries:
        if info.error:
            print(f"error from node {node}: {info.relative_name or info.name}: {info.error}", file=sys.stderr)
    good = [(node, info) for node, info in entries if not info.error]
    if long:
        if good or not answers.errors:
            table(
                ("NODE", "MODE", "UID", "GID", "SIZE(B)", "LASTMOD", "LABEL", "NAME"),
                [_long(node, info, humanize) for node, info in good],
            )
    elif len(session.targets()) > 1:
        if good or not answers.errors:
            table(("NODE", "NAME"), [(node, info.relative_name) for node, info in good])
    else:
        for _, info in good:
            print(info.relative_name)
    answers.finish()


def _long(node: str, info: Any, humanize: bool) -> tuple[object, ...]:
    modified = datetime.fromtimestamp(info.modified, UTC)
    label = next(
        (x.data.rstrip(b"\0").decode("utf-8", "replace") for x in info.xattrs if x.name == "security.selinux"), ""
    )
    return (
        node,
        mode_text(info.mode),
        info.uid,
        info.gid,
        size(info.size) if humanize else info.size,
        _since(modified) if humanize else _stamp(modified),
        label,
        f"{info.relative_name} -> {info.link}" if info.link else info.relative_name,
    )


def _stamp(moment: datetime) -> str:
    if (output.now() - moment).days > 180:
        return moment.strftime("%b %e  %Y")
    return moment.strftime("%b %e %H:%M:%S")


def _since(moment: datetime) -> str:
    seconds = (output.now() - moment).total_seconds()
    for unit, length in (
        ("year", 31536000),
        ("month", 2592000),
        ("week", 604800),
        ("day", 86400),
        ("hour", 3600),
        ("minute", 60),
        ("second", 1),
    ):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''} ago"
    return "now"

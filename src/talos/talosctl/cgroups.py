"""talosctl cgroups."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from talos.talosctl.cgroup_tree import Group

_ROOT = "/sys/fs/cgroup"
PRESETS = ("cpu", "cpuset", "io", "memory", "process", "psi", "swap")


@click.command(cls=Command)
@client_options
@click.option("--preset", default="", metavar="NAME", help=f"which figures to show: {', '.join(PRESETS)}")
@click.option("--schema-file", default="", metavar="FILE", help="show the columns of this file (YAML)")
@click.option("--skip-cri-resolve", is_flag=True, help="show containers by their ids, not by their names")
def cgroups(session: Session, preset: str, schema_file: str, skip_cri_resolve: bool) -> None:
    """Show what the control groups (v2) of one node use, as a tree.

    A schema file holds `columns`, each with a `name` and a `template` such as '{{ .MemoryCurrent.HumanizeIBytes }}'.
    """
    from talos.client import ApiError
    from talos.talosctl.cgroup_columns import from_schema, preset_columns
    from talos.talosctl.cgroup_tree import read_archive, show
    from talos.talosctl.gen.files import read_file

    if bool(preset) == bool(schema_file):
        raise click.UsageError(f"choose either --preset ({', '.join(PRESETS)}) or --schema-file")
    if preset and preset not in PRESETS:
        raise click.UsageError(f"there is no preset {preset!r}: use one of {', '.join(PRESETS)}")
    columns = from_schema(read_file(schema_file, "the schema").decode()) if schema_file else preset_columns(preset)
    (node,) = session.targets(exactly_one=True, command="cgroups")

    async def main() -> Group:
        root = read_archive(io.BytesIO(await _fetch(session, node)))
        root.name_processes(await _commands(session, node))
        if not skip_cri_resolve:
            root.name_containers(await _containers(session, node))
        return root

    try:
        root = session.run(main)
    except ApiError as error:
        raise click.ClickException(f"error reading the control groups of node {node}: {error}") from error
    sys.stdout.write(show(root, columns))


async def _fetch(session: Session, node: str) -> bytes:
    from talos.api import machine_pb2

    request = machine_pb2.CopyRequest(root_path=_ROOT)
    return b"".join([chunk.bytes async for chunk in session.stream(node, "/machine.MachineService/Copy", request)])


async def _commands(session: Session, node: str) -> dict[int, str]:
    """Names of processes."""
    reply = await session.call(node, "/machine.MachineService/Processes")
    return {
        p.pid: (p.executable or p.args.partition(" ")[0] or p.command).rpartition("/")[2]
        for message in reply.messages
        for p in message.processes
    }


async def _containers(session: Session, node: str) -> list[Any]:
    """Containers of Kubernetes; none on a node without."""
    from talos.api import common_pb2, machine_pb2
    from talos.client import ApiError

    request = machine_pb2.ContainersRequest(namespace="k8s.io", driver=common_pb2.CRI)
    try:
        reply = await session.call(node, "/machine.MachineService/Containers", request)
    except ApiError:
        return []
    return [container for message in reply.messages for container in message.containers]

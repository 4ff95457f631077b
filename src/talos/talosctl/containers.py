"""talosctl containers, stats and restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import table
from talos.talosctl.session import Failed, Session

if TYPE_CHECKING:
    from collections.abc import Callable


def _kubernetes(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--use-cri", is_flag=True, hidden=True)(command)
    return click.option("-k", "--kubernetes", is_flag=True, help="containers of Kubernetes, not of the system")(command)


def _where(kubernetes: bool) -> dict[str, Any]:
    from talos.api import common_pb2

    if kubernetes:
        return {"namespace": "k8s.io", "driver": common_pb2.CRI}
    return {"namespace": "system", "driver": common_pb2.CONTAINERD}


def _display(entry: Any) -> str:
    """A container is shown below its pod."""
    return f"└─ {entry.id}" if entry.id != entry.pod_id and entry.pod_id else str(entry.id)


@click.command(cls=Command)
@client_options
@_kubernetes
def containers(session: Session, kubernetes: bool, use_cri: bool) -> None:
    """List containers."""
    from talos.api import machine_pb2

    answers = session.ask(
        "/machine.MachineService/Containers", machine_pb2.ContainersRequest(**_where(kubernetes or use_cri))
    )
    table(
        ("NODE", "NAMESPACE", "ID", "IMAGE", "PID", "STATUS"),
        [
            (node, c.namespace, _display(c), c.image, c.pid, c.status)
            for node, answer in answers.good
            for message in answer.messages
            for c in sorted(message.containers, key=lambda c: c.id)
        ],
    )
    answers.finish()


@click.command(cls=Command)
@client_options
@_kubernetes
def stats(session: Session, kubernetes: bool, use_cri: bool) -> None:
    """Show memory and processor time of containers."""
    from talos.api import machine_pb2

    answers = session.ask("/machine.MachineService/Stats", machine_pb2.StatsRequest(**_where(kubernetes or use_cri)))
    table(
        ("NODE", "NAMESPACE", "ID", "MEMORY(MB)", "CPU"),
        [
            (node, s.namespace, _display(s), f"{s.memory_usage / 1e6:.2f}", s.cpu_usage)
            for node, answer in answers.good
            for message in answer.messages
            for s in sorted(message.stats, key=lambda s: s.id)
        ],
    )
    answers.finish()


@click.command(cls=Command)
@client_options
@_kubernetes
@click.argument("container_id", metavar="ID")
def restart(session: Session, container_id: str, kubernetes: bool, use_cri: bool) -> None:
    """Restart a container."""
    from talos.api import machine_pb2

    answers = session.ask(
        "/machine.MachineService/Restart", machine_pb2.RestartRequest(id=container_id, **_where(kubernetes or use_cri))
    )
    answers.finish("error restarting process on node {node}: {error}")
    if not answers.good:
        raise Failed

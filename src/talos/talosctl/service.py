"""talosctl service: state of services, and starting, stopping, restarting them."""

from __future__ import annotations

from typing import Any

import click

from talos.talosctl.options import Command, client_options, insecure_options, offer
from talos.talosctl.output import ago, columns, table
from talos.talosctl.session import Session


@click.command(cls=Command)
@insecure_options
@client_options
@click.argument("service_id", metavar="[ID", default="", shell_complete=offer("services"))
@click.argument("action", metavar="[start|stop|restart|status]]", default="status")
def service(session: Session, service_id: str, action: str) -> None:
    """Show the state of all services or of one, or change it.

    talosctl service kubelet restart
    """
    if not service_id:
        _list(session)
    elif action == "status":
        _status(session, service_id)
    elif action in ("start", "stop", "restart"):
        _change(session, service_id, action)
    else:
        raise click.UsageError(f"unknown action {action!r} for a service: use start, stop, restart or status")


def _health(health: Any) -> str:
    if health.unknown:
        return "?"
    return "OK" if health.healthy else "Fail"


def _list(session: Session) -> None:
    answers = session.ask("/machine.MachineService/ServiceList")
    rows = []
    for node, answer in answers.good:
        for message in answer.messages:
            for info in message.services:
                last = info.events.events[-1] if info.events.events else None
                rows.append(
                    (
                        node,
                        info.id,
                        info.state,
                        _health(info.health),
                        ago(last.ts) if last else "",
                        last.msg if last else "",
                    )
                )
    table(("NODE", "SERVICE", "STATE", "HEALTH", "LAST CHANGE", "LAST EVENT"), rows)
    answers.finish()


def _status(session: Session, service_id: str) -> None:
    answers = session.ask("/machine.MachineService/ServiceList")
    found = [
        (node, info)
        for node, answer in answers.good
        for message in answer.messages
        for info in message.services
        if info.id == service_id
    ]
    for node, info in found:
        lines = [["NODE", node], ["ID", info.id], ["STATE", info.state], ["HEALTH", _health(info.health)]]
        if info.health.last_message:
            lines.append(["LAST HEALTH MESSAGE", info.health.last_message])
        label = "EVENTS"
        for event in reversed(info.events.events):
            lines.append([label, f"[{event.state}]: {event.msg} ({ago(event.ts)})"])
            label = ""
        columns(lines)
    answers.finish()
    if not found:
        names = ", ".join(sorted({info.id for _, a in answers.good for m in a.messages for info in m.services}))
        raise click.ClickException(f"no node has a service {service_id!r}; there are: {names}")


def _change(session: Session, service_id: str, action: str) -> None:
    from talos import api

    path = f"/machine.MachineService/Service{action.capitalize()}"
    answers = session.ask(path, api.method_types(path).request(id=service_id))
    table(("NODE", "RESPONSE"), [(node, message.resp) for node, answer in answers.good for message in answer.messages])
    answers.finish()

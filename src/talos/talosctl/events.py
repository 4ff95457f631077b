"""talosctl events."""

from __future__ import annotations

from typing import Any

import click

from talos.talosctl.options import DURATION, Command, client_options
from talos.talosctl.session import Answers, Session

_HEADER = ("NODE", "ID", "EVENT", "ACTOR", "SOURCE", "MESSAGE")
_WIDTHS = [12, 23, 41, 23, 23]


@click.command(cls=Command)
@client_options
@click.option("--tail", type=int, default=0, help="past events to begin with (-1: all)")
@click.option("--since", default="", metavar="ID", help="begin after the event with this id")
@click.option("--duration", type=DURATION, default="0s", help="begin with the events of this time until now")
@click.option("--actor-id", default="", metavar="ID", help="only events of one operation, such as a reboot")
@click.argument("ignored", nargs=-1, expose_value=False)
def events(session: Session, tail: int, since: str, duration: float, actor_id: str) -> None:
    """Show what happens on nodes, as it happens."""
    from talos import api
    from talos.api import machine_pb2

    request = machine_pb2.EventsRequest(
        tail_events=tail, tail_id=since, tail_seconds=int(duration), with_actor_id=actor_id
    )
    begun = False

    async def follow(node: str) -> None:
        nonlocal begun
        async for event in session.stream(node, "/machine.MachineService/Events", request):
            name = event.data.type_url.rpartition("/")[2]
            if not name:
                continue  # sent to say that the stream has begun
            if not begun:
                begun = True
                _print(_HEADER)
            try:
                message = api.message_type(name).FromString(event.data.value)
                source, text = describe(message)
            except LookupError:
                source, text = "", f"{len(event.data.value)} bytes of a kind this client does not know"
            _print((node, event.id, event.data.type_url, event.actor_id, source, text))

    answers: Answers[None] = session.run(lambda: session.each(follow))
    answers.finish()


def _print(cells: tuple[str, ...]) -> None:
    padded = "".join(cell.ljust(width) + " " for cell, width in zip(cells, _WIDTHS, strict=False))
    print((padded + cells[-1]).rstrip(), flush=True)


def describe(message: Any) -> tuple[str, str]:
    """(source, text) of an event."""

    def name(field: str) -> str:
        descriptor = message.DESCRIPTOR.fields_by_name[field]
        return str(descriptor.enum_type.values_by_number[getattr(message, field)].name)

    match message.DESCRIPTOR.name:
        case "SequenceEvent":
            text = f"{name('action')}" + (f": {message.error.message}" if message.error.message else "")
            return message.sequence, text
        case "PhaseEvent":
            return message.phase, name("action")
        case "TaskEvent":
            return message.task, name("action")
        case "ServiceStateEvent":
            return message.service, f"{name('action')}: {message.message}"
        case "ConfigLoadErrorEvent" | "ConfigValidationErrorEvent":
            return "", message.error
        case "AddressEvent":
            return message.hostname, "addresses: " + ", ".join(message.addresses)
        case "MachineStatusEvent":
            unmet = "; ".join(f"{c.name}: {c.reason}" for c in message.status.unmet_conditions)
            ready = "ready" if message.status.ready else f"not ready ({unmet})" if unmet else "not ready"
            return name("stage"), ready
        case "RestartEvent":
            return "", f"cmd: {message.cmd}"
        case _:
            return "", " ".join(str(message).split())

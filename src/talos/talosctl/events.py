"""talosctl events.

An event is two lines, aligned with one another and not with the events around them, as Talos' own client prints it:
node, id and kind, and below them actor, source and text.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from talos.talosctl.options import DURATION, Command, client_options
from talos.talosctl.output import columns
from talos.talosctl.session import Answers, Session

_HEADER = ("NODE", "ID", "EVENT", "ACTOR", "SOURCE", "MESSAGE")


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
            try:
                message = api.message_type(name).FromString(event.data.value)
                source, text = describe(message)
            except LookupError:
                source, text = "", f"{len(event.data.value)} bytes of a kind this client does not know"
            lines = [] if begun else [_HEADER]
            begun = True
            columns([*lines, (node, event.id, event.data.type_url), (event.actor_id, source, text)])
            sys.stdout.flush()

    answers: Answers[None] = session.run(lambda: session.each(follow))
    answers.finish()


def describe(message: Any) -> tuple[str, str]:
    """(source, text) of an event."""

    def name(field: str) -> str:
        descriptor = message.DESCRIPTOR.fields_by_name[field]
        return str(descriptor.enum_type.values_by_number[getattr(message, field)].name)

    match message.DESCRIPTOR.name:
        case "SequenceEvent":
            failed = message.HasField("error")
            return message.sequence, f"error: {message.error.message}" if failed else name("action")
        case "PhaseEvent":
            return message.phase, name("action")
        case "TaskEvent":
            return message.task, name("action")
        case "ServiceStateEvent":
            return message.service, f"{name('action')}: {message.message}"
        case "ConfigLoadErrorEvent" | "ConfigValidationErrorEvent":
            return "error", message.error
        case "AddressEvent":
            return message.hostname, f"ADDRESSES: {','.join(message.addresses)}"
        case "MachineStatusEvent":
            unmet = " ".join(condition.name for condition in message.status.unmet_conditions)
            return name("stage"), f"ready: {str(message.status.ready).lower()}, unmet conditions: [{unmet}]"
        case "RestartEvent":
            return "", f"cmd: {message.cmd}"
        case _:
            return "", " ".join(str(message).split())

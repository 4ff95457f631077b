"""talosctl meta: keys that a machine keeps outside its configuration, in the META partition."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.options import ClientGroup, Command, client_options, insecure_options
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from google.protobuf.message import Message

_MAX_KEY = 255


@click.group(cls=ClientGroup)
@click.option("-i", "--insecure", is_flag=True, hidden=True)
def meta(insecure: bool) -> None:
    """Write and delete the keys that a machine keeps outside its configuration."""


def _key(text: str) -> int:
    """A number below 256, in decimal or as 0x0a."""
    try:
        key = int(text, 0)
    except ValueError:
        raise click.UsageError(f"{text!r} is not a key: it is a number such as 10 or 0x0a") from None
    if not 0 <= key <= _MAX_KEY:
        raise click.UsageError(f"key {text} is out of range: it is a number from 0 to {_MAX_KEY}")
    return key


def _command(function: Callable[..., Any]) -> click.Command:
    return click.command(cls=Command)(insecure_options(client_options(function)))


def _send(session: Session, path: str, request: Message, doing: str) -> None:
    session.ask(path, request).finish(f"error {doing} node {{node}}: {{error}}")


@click.argument("key")
@click.argument("value")
def write(session: Session, key: str, value: str) -> None:
    """Write a key."""
    from talos.api import machine_pb2

    request = machine_pb2.MetaWriteRequest(key=_key(key), value=value.encode())
    _send(session, "/machine.MachineService/MetaWrite", request, "writing meta to")


@click.argument("key")
def delete(session: Session, key: str) -> None:
    """Delete a key."""
    from talos.api import machine_pb2

    request = machine_pb2.MetaDeleteRequest(key=_key(key))
    _send(session, "/machine.MachineService/MetaDelete", request, "deleting meta from")


meta.add_command(_command(write))
meta.add_command(_command(delete))

"""talosctl version."""

from __future__ import annotations

import sys
from typing import Any

import click

from talos.talosctl.client_version import node_lines, show
from talos.talosctl.options import Command, client_options, insecure_options
from talos.talosctl.quick_version import FAILED, PATH
from talos.talosctl.session import Failed, Session


@click.command(cls=Command)
@insecure_options
@client_options
@click.option("--client", is_flag=True, help="show the version of talosctl only")
@click.option("--short", is_flag=True, help="show less")
@click.option("--json", "as_json", is_flag=True, hidden=True)
def version(session: Session, client: bool, short: bool, as_json: bool) -> None:
    """Show the version of talosctl and of nodes."""
    if not as_json:
        show(short)
    if client:
        return
    if not as_json:
        print("Server:", flush=True)
    session.targets()
    answers = session.ask(PATH)
    for node, answer in answers.good:
        for message in answer.messages:
            _node(node, message, as_json)
    for node, error in answers.errors:
        print(FAILED.format(node=node, error=error), file=sys.stderr)
    if answers.errors:
        raise Failed


def _node(node: str, message: Any, as_json: bool) -> None:
    if as_json:
        from google.protobuf.json_format import MessageToJson

        print(MessageToJson(message, indent=None))
        return
    info = message.version
    values = (info.tag, info.sha, info.built, info.go_version, info.os, info.arch)
    node_lines(node, values, message.features.rbac)

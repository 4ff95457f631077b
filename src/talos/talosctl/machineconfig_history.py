"""talosctl machineconfig history."""

from __future__ import annotations

from typing import Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import duration, moment, table
from talos.talosctl.session import Session

HEADER = ("NODE", "", "GENERATION", "TIME", "HOW", "AUTHOR", "CERTIFICATE", "FROM")


@click.command(cls=Command)
@client_options
def history(session: Session) -> None:
    """List the configurations that nodes were given: the last 20, with time and author.

    `*` marks the one in force, `?` the one that still has to be confirmed.
    """
    from talos.api import pytalos_config_pb2 as pb

    answers = session.ask("/pytalos.config.ConfigService/History", pb.HistoryRequest())
    table(HEADER, [(node, *_row(g, answer)) for node, answer in answers.good for g in answer.generations])
    for node, answer in answers.good:
        if answer.HasField("confirm_left"):
            left = duration(answer.confirm_left.seconds)
            print(
                f"node {node}: generation {answer.current} has to be confirmed within {left}, "
                f"otherwise generation {answer.back_to} comes back"
            )
    answers.finish()


def _row(generation: Any, answer: Any) -> tuple[object, ...]:
    author = generation.author
    mark = ""
    if generation.number == answer.current:
        mark = "?" if answer.HasField("confirm_left") else "*"
    who = author.common_name or ",".join(author.organizations) or "-"
    return (
        mark,
        generation.number,
        moment(generation.time).strftime("%Y-%m-%d %H:%M:%S"),
        _how(generation),
        who,
        author.fingerprint[:16] or "-",
        author.peer or "-",
    )


def _how(generation: Any) -> str:
    match generation.origin:
        case "apply":
            how = str(generation.mode).replace("_", "-")
        case "restore":
            how = f"restored {generation.restored}"
        case "revert":
            how = f"went back to {generation.restored}: not confirmed"
        case "platform":
            how = "given by the platform"
        case "found":
            how = "found on disk"
        case other:
            how = str(other)
    if generation.HasField("confirm_within"):
        how += f", to confirm within {duration(generation.confirm_within.seconds)}"
    return how

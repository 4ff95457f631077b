"""talosctl rollback."""

from __future__ import annotations

import click

from talos.talosctl import slots
from talos.talosctl.options import Command, client_options
from talos.talosctl.power import Operation, wait_options
from talos.talosctl.session import Answers, Session


@click.command(cls=Command)
@client_options
@wait_options
@click.option("--dry-run", is_flag=True, help="only say what would change")
@click.argument("ignored", nargs=-1, expose_value=False)
def rollback(session: Session, wait: bool, timeout: float, debug: bool, dry_run: bool) -> None:
    """Boot the version that was installed before, and wait until it runs."""
    from talos.api import machine_pb2

    if dry_run:
        slots.show_plan(session, "", rollback=True)
        return
    wait = wait or debug
    operation = Operation(session, "rollback", "/machine.MachineService/Rollback", machine_pb2.RollbackRequest(), debug)

    async def one(node: str) -> None:
        before = await slots.latest(session, node) if wait else None
        await operation.one(node, wait, timeout, back=True)
        if before is not None:
            await slots.decided(session, node, before, "rollback", timeout)

    answers: Answers[None] = session.run(lambda: session.each(one))
    answers.finish("error executing rollback on node {node}: {error}")

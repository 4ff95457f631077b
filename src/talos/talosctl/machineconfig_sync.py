"""talosctl machineconfig sync: a folder of configurations, node by node."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import click

from talos.talosctl.apply import HowToApply, report
from talos.talosctl.drift import folder_option
from talos.talosctl.options import DURATION, Command, ListOption, client_options
from talos.talosctl.session import Failed, Session

POLL_S = 1.0
LEAVES_WITHIN_S = 30.0
"""a node that said it reboots is gone or says so by then"""
STATUS = ("runtime", "MachineStatuses.runtime.talos.dev", "machine")


@click.command(cls=Command)
@client_options
@folder_option
@click.option("--dry-run", is_flag=True, help="show what would change on each node, and change nothing")
@click.option("--wait-timeout", type=DURATION, default="10m0s", help="a node has to be healthy again within")
@click.option("--settle", type=DURATION, default="10s", help="and stay so for")
@click.option(
    "--confirm-within",
    type=DURATION,
    default="15m0s",
    metavar="DURATION",
    help="a node that is not healthy again goes back by itself after; 0: never (for nodes of other versions)",
)
@click.option("--force-guard", cls=ListOption, metavar="GUARD,...", help="guards to overrule")
def sync(
    session: Session,
    folder: Path,
    dry_run: bool,
    wait_timeout: float,
    settle: float,
    confirm_within: float,
    force_guard: list[str],
) -> None:
    """Apply a folder of configurations node by node; stop at the first node that is not healthy again.

    A node's file is NODE.yaml, HOSTNAME.yaml, or controlplane.yaml or worker.yaml; nodes that run it already are left
    alone. Each change is confirmed when the node is healthy again; the nodes after one that is not stay as they are.
    """
    if confirm_within and confirm_within < wait_timeout + settle:
        raise click.UsageError("--confirm-within must be longer than --wait-timeout and --settle together, or 0")
    how = HowToApply(dry_run=dry_run, confirm_within_s=confirm_within, force_guards=tuple(force_guard))

    async def main() -> None:
        nodes = session.targets()
        # Every file is found and read before the first node is changed.
        plans = [await _Plan.make(session, folder, node) for node in nodes]
        for number, plan in enumerate(plans):
            try:
                await plan.carry_out(session, how, wait_timeout, settle)
            except _Stop as stop:
                print(f"node {plan.node}: {stop}", file=sys.stderr)
                if left := [p.node for p in plans[number + 1 :] if p.differs]:
                    print(f"not changed: {', '.join(left)}", file=sys.stderr)
                raise Failed from stop

    session.run(main)


class _Stop(Exception):
    """The reason not to go on with further nodes."""


class _Plan:
    """One node and what it should run."""

    def __init__(self, node: str, path: Path, data: bytes, difference: str) -> None:
        self.node, self.path, self.data, self.difference = node, path, data, difference

    @property
    def differs(self) -> bool:
        return bool(self.difference)

    @classmethod
    async def make(cls, session: Session, folder: Path, node: str) -> _Plan:
        from talos.config.config import Config
        from talos.config.drift import drift, file_for, read
        from talos.config.errors import ConfigError
        from talos.talosctl.patch import current

        try:
            running = Config.decode(await current(session, node))
            path = file_for(folder, node, running)
            wanted = read(path)
            return cls(node, path, wanted.text.encode(), drift(wanted, running, (f"node {node}", str(path))))
        except ConfigError as error:
            raise click.ClickException(f"node {node}: {error}; no node was changed") from error

    async def carry_out(self, session: Session, how: HowToApply, wait_s: float, settle_s: float) -> None:
        from talos.api import pytalos_config_pb2 as pb
        from talos.client import ApiError

        if not self.differs:
            print(f"node {self.node}: runs {self.path} already", file=sys.stderr)
            return
        print(self.difference, end="", flush=True)
        try:
            reboots, generation = await self._apply(session, how)
        except ApiError as error:
            raise _Stop(f"{self.path} was refused: {error}") from error
        if how.dry_run:
            return
        await self._healthy(session, reboots, wait_s, settle_s)
        if how.confirm_within_s:
            try:
                await session.call(
                    self.node, "/pytalos.config.ConfigService/Confirm", pb.ConfirmRequest(generation=generation)
                )
            except ApiError as error:
                raise _Stop(f"healthy, but {self.path} could not be confirmed: {error}") from error
        print(f"node {self.node}: healthy with {self.path}", file=sys.stderr)

    async def _apply(self, session: Session, how: HowToApply) -> tuple[bool, int]:
        """Whether the node reboots, and the generation."""
        from talos.api import machine_pb2
        from talos.api import pytalos_config_pb2 as pb

        kind = machine_pb2.ApplyConfigurationRequest.Mode
        if how.beyond_talos:
            request = pb.ApplyRequest(data=self.data, terms=how.terms())
            answer = await session.call(self.node, "/pytalos.config.ConfigService/Apply", request)
            report(self.node, answer, f"node {self.node}: {self.path}")
            return answer.mode == kind.REBOOT, answer.generation
        plain = machine_pb2.ApplyConfigurationRequest(data=self.data, dry_run=how.dry_run, mode="AUTO")
        reply = await session.call(self.node, "/machine.MachineService/ApplyConfiguration", plain)
        print(f"node {self.node}: {self.path}: {reply.messages[0].mode_details}", file=sys.stderr)
        return reply.messages[0].mode == kind.REBOOT, 0

    async def _healthy(self, session: Session, reboots: bool, wait_s: float, settle_s: float) -> None:
        """Return when the node is ready and stays so. _Stop says what is missing."""
        began = time.monotonic()
        gone, since, problem = not reboots, None, "it does not say how it is"
        while time.monotonic() - began < wait_s:
            problem = await self._problem(session)
            gone = gone or bool(problem) or time.monotonic() - began > LEAVES_WITHIN_S
            if problem or not gone:
                since = None
            else:
                since = since or time.monotonic()
                if time.monotonic() - since >= settle_s:
                    return
            await asyncio.sleep(POLL_S)
        raise _Stop(f"not healthy again within {wait_s:g} s: {problem or 'it does not stay healthy'}")

    async def _problem(self, session: Session) -> str:
        """What keeps the node from being healthy, "" for nothing."""
        from talos.api import cosi_resource_pb2 as cosi
        from talos.client import ApiError
        from talos.talosctl.resource_output import spec_of

        namespace, kind, id = STATUS
        try:
            reply = await session.call(
                self.node, "/cosi.resource.State/Get", cosi.GetRequest(namespace=namespace, type=kind, id=id), 10.0
            )
        except ApiError as error:
            return str(error)
        spec: dict[str, Any] = spec_of(reply.resource)
        if spec.get("stage") != "running":
            return f"stage {spec.get('stage')}"
        unmet = spec.get("status", {}).get("unmetConditions") or []
        return "; ".join(f"{item.get('name')}: {item.get('reason')}" for item in unmet)

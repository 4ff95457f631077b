"""talosctl reboot, shutdown and reset, and waiting until it has happened."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from talos.talosctl.options import DURATION, Command, ListOption, client_options
from talos.talosctl.session import Answers, Session

if TYPE_CHECKING:
    from google.protobuf.message import Message

F = TypeVar("F", bound=Callable[..., Any])

POLL_S = 0.5
READY_S = 60.0
FIRST_S = 30.0
"""for the look before anything is asked for: a busy node is no reason to give up"""
_STATUS_TYPE = "MachineStatuses.runtime.talos.dev"


def wait_options(command: F) -> F:
    """--wait, --timeout and --debug."""
    for option in (
        click.option("--wait/--no-wait", default=True, help="wait until it is done (default)"),
        click.option("--timeout", type=DURATION, default="30m0s", help="give up waiting after (default: 30m)"),
        click.option("--debug", is_flag=True, help="show the kernel's log meanwhile, and wait"),
    ):
        command = option(command)
    return command


@click.command(cls=Command)
@client_options
@click.option(
    "-m",
    "--mode",
    type=click.Choice(["default", "powercycle", "force"]),
    default="default",
    help="powercycle skips kexec, force skips the orderly end of services",
)
@click.option("--drain", is_flag=True, help="move pods away first, one node after the other")
@click.option("--drain-timeout", type=DURATION, default="5m0s", help="give up draining after (default: 5m)")
@click.option("--progress", default="auto", hidden=True)
@wait_options
def reboot(
    session: Session,
    mode: str,
    drain: bool,
    drain_timeout: float,
    progress: str,
    wait: bool,
    timeout: float,
    debug: bool,
) -> None:
    """Reboot nodes, and wait until they run again."""
    from talos.api import machine_pb2

    request = machine_pb2.RebootRequest(mode=mode.upper())
    Operation(session, "reboot", "/machine.MachineService/Reboot", request, debug).run(
        wait or debug, timeout, back=True, drain_timeout=drain_timeout if drain else None
    )


@click.command(cls=Command)
@client_options
@click.option("--force", is_flag=True, help="do not wait for the node to leave the cluster in order")
@wait_options
def shutdown(session: Session, force: bool, wait: bool, timeout: float, debug: bool) -> None:
    """Shut nodes down."""
    from talos.api import machine_pb2

    request = machine_pb2.ShutdownRequest(force=force)
    Operation(session, "shutdown", "/machine.MachineService/Shutdown", request, debug).run(
        wait or debug, timeout, back=False
    )


@click.command(cls=Command)
@client_options
@click.option("--graceful/--no-graceful", default=True, help="drain the node and leave etcd first (default)")
@click.option("--reboot/--no-reboot", default=False, help="reboot afterwards instead of shutting down")
@click.option("--system-labels-to-wipe", cls=ListOption, metavar="LABEL,...", help="wipe only these system partitions")
@click.option("--user-disks-to-wipe", cls=ListOption, metavar="DEVICE,...", help="wipe these disks as well")
@click.option(
    "--wipe-mode", type=click.Choice(["all", "system-disk", "user-disks"]), default="all", help="which disks to wipe"
)
@wait_options
def reset(
    session: Session,
    graceful: bool,
    reboot: bool,
    system_labels_to_wipe: list[str],
    user_disks_to_wipe: list[str],
    wipe_mode: str,
    wait: bool,
    timeout: float,
    debug: bool,
) -> None:
    """Wipe nodes: they leave the cluster and lose their data and configuration."""
    from talos.api import machine_pb2

    request = machine_pb2.ResetRequest(
        graceful=graceful,
        reboot=reboot,
        user_disks_to_wipe=user_disks_to_wipe,
        mode=wipe_mode.upper().replace("-", "_"),
        system_partitions_to_wipe=[
            machine_pb2.ResetPartitionSpec(label=label, wipe=True) for label in system_labels_to_wipe
        ],
    )
    operation = Operation(session, "reset", "/machine.MachineService/Reset", request, debug)
    operation.run(wait or debug, timeout, back=False)


class Operation:
    """One request to every node, and the wait for its end."""

    def __init__(self, session: Session, name: str, path: str, request: Message, debug: bool = False) -> None:
        self._session = session
        self._name = name
        self._path = path
        self._request = request
        self._debug = debug

    def run(self, wait: bool, timeout: float, *, back: bool, drain_timeout: float | None = None) -> None:
        """`back`: done when the node runs again; otherwise when it is gone. With `drain_timeout` each node is drained
        before, and one node after the other, because budgets of pods cannot be kept otherwise."""
        answers: Answers[None] = self._session.run(
            lambda: self.each(wait, timeout, back=back, drain_timeout=drain_timeout)
        )
        answers.finish(f"error executing {self._name} on node {{node}}: {{error}}")

    async def each(
        self,
        wait: bool,
        timeout: float,  # noqa: ASYNC109 - of the whole operation
        *,
        back: bool,
        drain_timeout: float | None = None,
    ) -> Answers[None]:
        """As `run`, within a session that runs; the answers are still to be reported."""
        if drain_timeout is None:
            return await self._session.each(lambda node: self.one(node, wait, timeout, back=back))
        return await self._one_by_one(lambda node: self.one(node, wait, timeout, back=back), drain_timeout, wait)

    async def one(self, node: str, wait: bool, timeout: float, *, back: bool) -> None:  # noqa: ASYNC109
        """One node. ApiError."""
        before = await self._boot(node) if wait else ""
        actor = await self._ask(node)
        if not wait:
            return
        say(node, f"{self._name} accepted")
        following = [asyncio.create_task(self._follow(node, actor))]
        if self._debug:
            following.append(asyncio.create_task(self._kernel_log(node)))
        try:
            async with asyncio.timeout(timeout):
                await (self._returned(node, before) if back else self._gone(node, before))
        except TimeoutError:
            raise click.ClickException(
                f"node {node}: {self._name} was accepted, but is not finished after "
                f"{timeout:.0f} s; see talosctl events and logs machined"
            ) from None
        finally:
            for task in following:
                task.cancel()
        if not back:
            say(node, "gone")

    async def _one_by_one(
        self, one: Callable[[str], Awaitable[None]], drain_timeout: float, wait: bool
    ) -> Answers[None]:
        from talos.client import ApiError
        from talos.talosctl.drain import drained, leave_to_node, nodename, uncordon
        from talos.talosctl.kubernetes_api import kubernetes

        answers: Answers[None] = Answers()
        async with kubernetes(self._session) as cluster:
            for node in self._session.targets():
                try:
                    name = await nodename(self._session, node)
                    say(node, f"draining {name}")
                    was_schedulable = await drained(cluster, name, drain_timeout)
                    if was_schedulable and not wait:
                        await leave_to_node(cluster, name)
                    await one(node)
                except ApiError as error:
                    answers.errors.append((node, error))
                    break  # the nodes behind it are left alone
                if wait and was_schedulable:
                    await uncordon(cluster, name)
                    say(node, f"{name} takes pods again")
                answers.good.append((node, None))
        return answers

    async def _ask(self, node: str) -> str:
        reply = await self._session.call(node, self._path, self._request)
        # A rollback has none.
        return getattr(reply.messages[0], "actor_id", "") if reply.messages else ""

    async def _follow(self, node: str, actor: str) -> None:
        """Show the phases, as long as the node can tell."""
        from talos import api
        from talos.api import machine_pb2
        from talos.client import ApiError
        from talos.talosctl.events import describe

        request = machine_pb2.EventsRequest(tail_events=-1, with_actor_id=actor)
        try:
            async for event in self._session.stream(node, "/machine.MachineService/Events", request):
                name = event.data.type_url.rpartition("/")[2]
                if name in ("machine.SequenceEvent", "machine.PhaseEvent") and actor:
                    source, text = describe(api.message_type(name).FromString(event.data.value))
                    say(node, f"{name.removeprefix('machine.').removesuffix('Event').lower()} {source}: {text}")
        except ApiError:
            pass  # that is what a reboot looks like from here

    async def _kernel_log(self, node: str) -> None:
        """What the kernel says from now on, and again when the node is back, from its start."""
        from talos.api import machine_pb2
        from talos.client import ApiError

        tail = True
        while True:
            request = machine_pb2.DmesgRequest(follow=True, tail=tail)
            try:
                async for data in self._session.stream(node, "/machine.MachineService/Dmesg", request):
                    for line in data.bytes.decode(errors="replace").splitlines():
                        say(node, "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line))
            except ApiError:
                tail = False
            await asyncio.sleep(POLL_S)

    async def _status(self, node: str, timeout: float = 5.0) -> Any:  # noqa: ASYNC109 - as gRPC clients call it
        from talos.api import cosi_resource_pb2 as pb

        reply = await self._session.client(node).call(
            "/cosi.resource.State/Get",
            pb.GetRequest(namespace="runtime", type=_STATUS_TYPE, id="machine"),
            node=self._session.target(node),
            timeout=timeout,
        )
        return reply.resource

    async def _boot(self, node: str) -> str:
        """What tells one boot from the next: when the node's own status, which lives in memory, came to be."""
        from talos.client import ApiError

        try:
            created = (await self._status(node, FIRST_S)).metadata.created
        except ApiError as error:
            error.node = node
            raise
        return f"{created.seconds}.{created.nanos}"

    async def _returned(self, node: str, before: str) -> None:
        """The node has booted again and is ready, or it says for a minute why it is not."""
        from talos.client import ApiError
        from talos.talosctl.resource_output import spec_of

        left = False
        unready_polls = 0
        while True:
            try:
                status = await self._status(node)
            except ApiError:
                if not left:
                    say(node, "going down")
                left = True
            else:
                created, spec = status.metadata.created, spec_of(status)
                if f"{created.seconds}.{created.nanos}" != before and spec.get("stage") == "running":
                    condition = spec.get("status") or {}
                    unmet = condition.get("unmetConditions") or ()
                    # A node that was drained waits for us: it takes pods again when we have seen it.
                    only_cordoned = bool(unmet) and all("cordoned" in str(c.get("reason")) for c in unmet)
                    if condition.get("ready") or only_cordoned:
                        say(node, "running again")
                        return
                    unready_polls += 1
                    if unready_polls * POLL_S >= READY_S:
                        reasons = "; ".join(f"{c.get('name')}: {c.get('reason')}" for c in unmet)
                        say(node, f"running again, but not ready ({reasons or 'it does not say why'})")
                        return
            await asyncio.sleep(POLL_S)

    async def _gone(self, node: str, before: str) -> None:
        """The node answers no more, or it is another boot that answers: a reboot may be quicker than two looks."""
        from grpclib.const import Status

        from talos.client import ApiError

        missed = 0
        while missed < 2:
            await asyncio.sleep(POLL_S)
            try:
                if await self._boot(node) != before:
                    return
                missed = 0
            except ApiError as error:
                missed = missed + 1 if error.status in (Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED) else 0


def say(node: str, text: str) -> None:
    """A line of progress."""
    print(f"{node}: {text}", file=sys.stderr, flush=True)

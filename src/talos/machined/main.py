"""machined's start: mounts and folders, state, API socket, controllers, then the sequencer.

The order serves speed: what apid needs to answer (state socket, controllers of certificates) starts before anything
that takes long; what that answer does not need is imported after it was begun (`talos.machined.rest`).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from talos import rbac
from talos import resources as _resources  # noqa: F401  (makes every resource type known to the state)
from talos.config.view.access import AuditSink
from talos.config.view.model import LogDestination
from talos.environment import NodeEnvironment
from talos.machined import logging_setup, rpc, services, startup, status_events
from talos.machined.audit.keeper import HeadKeeper
from talos.machined.audit.sinks import AuditSinks
from talos.machined.log_sinks import CONSOLES, LogSinks
from talos.machined.node import Node
from talos.machined.rest import EARLY_CONTROLLERS, EARLY_HANDLERS, Rest
from talos.machined.sequencer import LockedError
from talos.machined.sequences import Request
from talos.state.controller_runtime import ControllerRuntime
from talos.state.discovery import in_modules
from talos.state.inmemory import InMemoryState
from talos.transport.link_server import LinkServer

if TYPE_CHECKING:
    from talos.machined.grpc_server import ClosingServer

log = logging.getLogger("machined.main")

SOCKET = "/system/run/machined/machine.sock"
"""of gRPC for root; nothing of the node calls there, so its server is imported with the rest"""
APID_SOCKET = "/system/run/machined/apid.sock"
KMSG = Path("/dev/kmsg")
APID_GROUP = 50
"""its user as well"""

for _name in EARLY_HANDLERS:
    importlib.import_module(_name)
CONTROLLERS = in_modules(EARLY_CONTROLLERS, "machined")


def main() -> int:
    """Called by the zygote in the forked child."""
    env = NodeEnvironment.detect()
    startup.run(env)
    logging_setup.set_up(env.path("/var/log"))
    log.info("machined starts: platform %s, mode %s", env.platform, env.mode)
    return asyncio.run(serve(env))


async def serve(env: NodeEnvironment) -> int:
    """Run until SIGTERM; programs keep running then."""
    node = Node(env, InMemoryState(env.clock), services.definitions())
    node.exits.load()
    node.cgroups.setup()
    node.controllers = ControllerRuntime(node.state, CONTROLLERS, env)
    rest = Rest(CONTROLLERS)
    api = rpc.MachineApi(node, rbac.allowed, complete=rest.handlers)
    server = LinkServer(api.__mapping__(), frozenset({APID_GROUP}))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        await _listen(server, env.path(APID_SOCKET), APID_GROUP)
        stack.push_async_callback(_close, server)
        await _serve_state(node, stack)
        tasks = [
            asyncio.create_task(coroutine, name=name)
            for name, coroutine in (
                ("exits", node.exits.follow()),
                ("services", node.supervisor.publish_forever()),
                ("logs", node.logs.rotate_forever()),
                ("events", status_events.publish_forever(node)),
                ("audit", HeadKeeper(node.audit, node.state).run()),
                ("log sinks", _log_sinks(node).run()),
                ("audit sinks", AuditSinks(node.audit, node.state, lambda: _audit_sinks(node)).run()),
            )
        ]
        for task in tasks:
            task.add_done_callback(lambda done: _background_ended(done, stop))
        await node.meta.load()
        node.controllers.start()
        for coroutine, name in (
            (_complete(rest, node, api, stack), "what comes after the API"),
            (node.upgrades.judge_boot(), "slots"),
        ):
            task = asyncio.create_task(coroutine, name=name)
            task.add_done_callback(lambda done: _background_ended(done, stop))
            tasks.append(task)
        await node.sequencer.start_node()
        await stop.wait()
        log.info("machined ends; programs keep running")
        for task in tasks:
            task.cancel()
        await node.supervisor.detach()
        await node.controllers.stop()
    failed = [task for task in tasks if not task.cancelled() and task.exception() is not None]
    return 1 if failed else 0


def _audit_sinks(node: Node) -> tuple[AuditSink, ...]:
    config = node.config.current
    return () if config is None else config.access.audit_sinks


def _log_sinks(node: Node) -> LogSinks:
    def wanted() -> tuple[LogDestination, ...]:
        config = node.config.current
        if config is None:
            return ()
        return (*config.machine.log_destinations, *((CONSOLES,) if config.machine.debug else ()))

    return LogSinks(node.logs.directory, None if node.env.in_container else KMSG, node.state, wanted)


async def _complete(rest: Rest, node: Node, api: rpc.MachineApi, stack: contextlib.AsyncExitStack) -> None:
    assert node.controllers is not None
    await rest.run(node.state, node.controllers, api)
    from talos.machined.grpc_server import ClosingServer

    server = ClosingServer([api])
    await _listen(server, node.env.path(SOCKET), 0)
    stack.push_async_callback(_close, server)
    from talos.machined import image_cache

    await image_cache.run(node)


async def _listen(server: ClosingServer | LinkServer, path: Path, group: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    old = os.umask(0o177)
    try:
        await server.start(path=str(path))
    finally:
        os.umask(old)
    if group:
        with contextlib.suppress(PermissionError):
            os.chown(path, 0, group)
            path.chmod(0o660)


async def _close(server: ClosingServer | LinkServer) -> None:
    server.close()
    await server.wait_closed()


async def _serve_state(node: Node, stack: contextlib.AsyncExitStack) -> None:
    """The store for networkd, timed, apid and trustd."""
    from talos.machined.state_socket import serve

    path = node.env.path("/system/run/machined/state.sock")
    node.state_socket = await stack.enter_async_context(serve(node.state, path))


def _background_ended(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("%s failed, machined starts again: %s", task.get_name(), task.exception(), exc_info=task.exception())
        stop.set()


def signal_received(node: Node, number: int) -> None:
    """PID 1 was sent a signal: the runtime that holds this node wants it to end, soon."""
    if number not in (signal.SIGTERM, signal.SIGINT, signal.SIGPWR):
        return
    log.info("PID 1 received signal %d: shutting down", number)
    with contextlib.suppress(LockedError):
        node.sequencer.begin("shutdown", Request(force=True))

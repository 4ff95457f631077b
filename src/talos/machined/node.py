"""What machined is made of, in one object that every API handler gets as `call.node`.

The parts know each other only through this object and through the state; handlers use:

    node.state                      the resource store (talos.state)
    node.env                        NodeEnvironment: mode, platform, clock, paths (also `rt.env` of controllers)
    node.events.publish(message)    an event for talosctl events; node.events.read(...)
    node.logs.path(id) / .read()    log files by id, also for `talosctl logs`
    node.supervisor                 services: api_start/api_stop/api_restart(id), statuses()
    node.sequencer.begin(sequence, request)  reboot, shutdown, reset with their phases and events
    node.upgrades                   the two slots: write the other one, set it, judge this boot
    node.config.apply(...)          machine configuration: validate, persist, publish as resource
    node.meta                       values by number that outlive configurations
    node.controllers                controller runtime; `talosctl inspect dependencies` reads it
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from talos.linux.mount import mounted_at
from talos.machined.access import NodeAccess
from talos.machined.audit.calls import CallAudit
from talos.machined.audit.log import AuditLog
from talos.machined.cgroups import ProgramCgroups
from talos.machined.configuration import ConfigController
from talos.machined.events import EventRing
from talos.machined.exits import ExitLog
from talos.machined.logs import LogStore
from talos.machined.meta import PATH as META_PATH
from talos.machined.meta import FileStore, Meta, MetaStore
from talos.machined.sequencer import Sequencer
from talos.machined.supervisor import Supervisor
from talos.machined.upgrades import Upgrades
from talos.machined.zygote import ZygoteLink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from talos.environment import NodeEnvironment
    from talos.machined.service import Service
    from talos.state.controller_runtime import ControllerRuntime
    from talos.state.inmemory import InMemoryState
    from talos.state.socket import StateSocket

BOOTED = "/run/machined/booted"
BASE_ENVIRONMENT = {
    "PATH": "/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/cni/bin",
    "XDG_RUNTIME_DIR": "/run",
    "TERM": "linux",
}


def _meta_store(env: NodeEnvironment) -> MetaStore | None:
    """Where META is kept: a file on STATE in a container, its partition on an installed machine."""
    if env.in_container:
        return FileStore(env.path(META_PATH))
    from talos.machined.disk import start
    from talos.machined.disk.meta_store import PartitionStore

    device = start.record().get("meta")
    return PartitionStore(Path(device)) if device else None


class Node:
    """One running node."""

    controllers: ControllerRuntime
    state_socket: StateSocket | None = None
    """where networkd, timed, apid and trustd reach the state; None until it is served"""

    def __init__(self, env: NodeEnvironment, state: InMemoryState, services: Iterable[Service] = ()) -> None:
        self.env = env
        self.state = state
        self.events = EventRing(clock=lambda: env.clock.now().timestamp())
        self.logs = LogStore(env.path("/var/log"))
        self.access = NodeAccess(self)
        self._var_is_there = False
        self.audit = AuditLog(
            env.path("/var/log/audit"),
            env.path("/system/state/audit-head.json"),
            now=env.clock.now,
            ready=self._var_ready,
        )
        self.audited = CallAudit(self.audit)
        self.cgroups = ProgramCgroups()
        self.zygote = ZygoteLink(env.path("/run/zygote"))
        self.exits = ExitLog(env.path("/run/init"), on_signal=self._signal)
        self.config = ConfigController(self)
        self.meta = Meta(self, _meta_store(env))
        self.sequencer = Sequencer(self, env.path("/run/machined/sequence.json"), env.path(BOOTED))
        self.upgrades = Upgrades(self)
        self.supervisor = Supervisor(self, services, env.path("/run/machined/services"))

    @property
    def in_maintenance(self) -> bool:
        """No machine configuration has been accepted yet: the API is open to everybody as os:reader."""
        return self.config.current is None and not self.config.refused

    def _var_ready(self) -> bool:
        """/var is what it will be until shutdown: on a machine it lies in memory until its volume is mounted over it,
        or for good where there is none."""
        if not self._var_is_there:
            self._var_is_there = (
                self.env.in_container
                or self.env.path(BOOTED).exists()
                or ((found := mounted_at("/var")) is not None and found.fstype != "tmpfs")
            )
        return self._var_is_there

    def program_environment(self) -> dict[str, str]:
        """Environment of programs: a fixed base and what the machine configuration adds (proxies)."""
        config = self.config.current
        configured = config.machine.env if config is not None else {}
        return {**BASE_ENVIRONMENT, **self.env.program_environment, **configured}

    def _signal(self, number: int) -> None:
        """PID 1 was asked to end: an orderly shutdown, without a drain for which there is no time."""
        from talos.machined.main import signal_received

        signal_received(self, number)

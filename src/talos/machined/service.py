"""What a service is (its definition) and what the supervisor keeps of it (state, health, events)."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, field

from talos.linux.process import Program
from talos.machined.conditions import Condition
from talos.machined.health import HealthCheck

if TYPE_CHECKING:
    from talos.machined.node import Node

EVENTS_KEPT = 64


class ServiceState(enum.StrEnum):
    """States of the contract, as shown by `talosctl services`."""

    INITIALIZED = "Initialized"
    PREPARING = "Preparing"
    WAITING = "Waiting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    FINISHED = "Finished"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    STARTING = "Starting"


class ServiceEvent(Struct, frozen=True):
    """A line of a service's history."""

    state: ServiceState
    message: str
    seconds: float


class Health(Struct):
    """unknown until the first check; then healthy or not, with the reason of the last failure."""

    unknown: bool = True
    healthy: bool = False
    last_message: str = ""
    last_change: float = 0.0


class ServiceStatus(Struct):
    """What is known of a service now."""

    id: str
    state: ServiceState = ServiceState.INITIALIZED
    health: Health = field(default_factory=Health)
    events: deque[ServiceEvent] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    checked: bool = False
    """it has a health check"""

    @property
    def running(self) -> bool:
        return self.state is ServiceState.RUNNING

    @property
    def up(self) -> bool:
        """Dependants may start."""
        return self.running and (self.health.healthy or not self.checked)


class Service:
    """Definition of a service; subclasses say what runs and what it needs.

    The supervisor calls, in order: `wanted`, waits for `depends` and `conditions`, `prepare`, then runs it.
    """

    id: ClassVar[str]
    depends: ClassVar[Sequence[str]] = ()
    api_start: ClassVar[bool] = False
    api_stop: ClassVar[bool] = False
    api_restart: ClassVar[bool] = False

    def conditions(self, node: Node) -> Sequence[Condition]:
        """What must hold before it starts, beside the services it depends on."""
        return ()

    async def prepare(self, node: Node) -> None:
        """Files and folders that it needs. An exception makes the service Failed, and it is tried again."""

    def health(self, node: Node) -> HealthCheck | None:
        """None: running is healthy."""
        return None


class ProgramService(Service):
    """A program of the image in a process of its own."""

    stop_timeout_s: ClassVar[float] = 10.0
    cgroup: ClassVar[str]
    whole_cgroup: ClassVar[bool] = True
    """what is left in its cgroup ends with it; not for containerd, whose shims keep pods alive"""

    async def program(self, node: Node) -> Program:
        """What to start now."""
        raise NotImplementedError

    async def fingerprint(self, node: Node) -> str:
        """Changes when a running program must be replaced. Compared when machined adopts a program, which may have
        changed its mind while it was away; arguments are no measure (etcd's differ between first and later starts)."""
        return ""

    async def restarts(self, node: Node) -> AsyncIterator[None]:
        """Yields whenever the running program must be started anew because what `program` is made from changed."""
        return
        yield


class ForkedService(Service):
    """A service that the zygote forks; machined says that it is wanted and watches it."""


class InternalService(Service):
    """Part of machined itself."""

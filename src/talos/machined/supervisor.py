"""All services of a node: their definitions, their state as resource and event, and the commands of the API.

A node's state of services is the resource Services.v1alpha1.talos.dev, which is there while the service runs: Talos'
`upgrade-k8s` waits for the kubelet's to go and to come again. Who waits for a service waits for that resource's change
or uses `wait_up`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from talos.api import machine_pb2
from talos.machined.runner import RECORDS, ServiceRunner
from talos.machined.service import Service, ServiceEvent, ServiceState, ServiceStatus
from talos.state.errors import NotFoundError

if TYPE_CHECKING:
    from talos.machined.node import Node

log = logging.getLogger("machined.services")
OWNER = "v1alpha1.ServiceController"


class ServiceError(Exception):
    """A command on a service was refused; nothing changed."""


class Supervisor:
    """Runs services. `start_all` starts what was not stopped by hand."""

    def __init__(self, node: Node, services: Iterable[Service] = (), records: Path = RECORDS) -> None:
        self._node = node
        self._records = records
        self._runners: dict[str, ServiceRunner] = {}
        self._changed = asyncio.Condition()
        self._writes: asyncio.Queue[tuple[str, bool, bool, bool]] = asyncio.Queue()
        """id, running, healthy, unknown: as it was, so that a restart is seen however late it is written"""
        self._denied = False
        for service in services:
            self.define(service)

    # -- definitions --

    def define(self, service: Service) -> None:
        """Make a service known; it does not run before `start`."""
        if service.id not in self._runners:
            self._runners[service.id] = ServiceRunner(
                service, self._node, self._report, self._report_health, self._records
            )

    def __contains__(self, id: str) -> bool:
        return id in self._runners

    def runner(self, id: str) -> ServiceRunner:
        """ServiceError for an unknown id."""
        try:
            return self._runners[id]
        except KeyError:
            raise ServiceError(f'service "{id}" not defined') from None

    def statuses(self) -> list[ServiceStatus]:
        """All services that were ever started, by id: as on Talos, others do not show."""
        return [self._runners[id].status for id in sorted(self._runners) if self._runners[id].status.events]

    # -- commands --

    def start(self, *ids: str) -> None:
        """Start services, and first those they depend on. Services that were stopped by hand stay stopped."""
        if self._denied:
            raise ServiceError("no service can be started: the node is going down")
        for id in ids:
            runner = self.runner(id)
            for dependency in runner.service.depends:
                if not self.runner(dependency).started:
                    self.start(dependency)
            if not runner.started and id not in self._stopped_by_hand():
                runner.start()

    async def stop(self, *ids: str) -> None:
        """Stop services; those that depend on them stop first."""

        async def one(id: str) -> None:
            dependants = [other for other, r in self._runners.items() if id in r.service.depends and r.started]
            if dependants:
                await asyncio.gather(*(one(other) for other in dependants))
            await self.runner(id).stop()

        await asyncio.gather(*(one(id) for id in ids))

    def deny_new(self) -> None:
        """The node goes down: nothing starts from now on."""
        self._denied = True

    async def stop_all(self, keep: Sequence[str] = ()) -> None:
        """Stop everything but `keep`."""
        await self.stop(*(id for id, runner in self._runners.items() if runner.started and id not in keep))

    async def detach(self) -> None:
        """machined ends: leave everything running."""
        await asyncio.gather(*(runner.detach() for runner in self._runners.values()))

    def _of_node(self, id: str) -> ServiceRunner:
        """A service that this node has: one that never ran here is none of it (etcd of a worker). ServiceError."""
        runner = self.runner(id)
        if not runner.status.events and id not in self._stopped_by_hand():
            raise ServiceError(f'service "{id}" not defined')
        return runner

    async def api_start(self, id: str) -> None:
        """`talosctl service ID start`."""
        runner = self._of_node(id)
        if not runner.service.api_start:
            raise ServiceError(f'service "{id}" doesn\'t support start operation via API')
        self._mark_stopped(id, False)
        self.start(id)

    async def api_stop(self, id: str) -> None:
        """`talosctl service ID stop`: it stays stopped until it is started by hand or the node boots."""
        runner = self._of_node(id)
        if not runner.service.api_stop:
            raise ServiceError(f'service "{id}" doesn\'t support stop operation via API')
        self._mark_stopped(id, True)
        await runner.stop()

    async def api_restart(self, id: str) -> None:
        """`talosctl service ID restart`."""
        runner = self._of_node(id)
        if not runner.service.api_restart:
            raise ServiceError(f'service "{id}" doesn\'t support restart operation via API')
        self._mark_stopped(id, False)
        await runner.stop()
        self.start(id)

    # -- waiting --

    async def wait_up(self, id: str) -> None:
        """Return when a service is up."""
        await self._wait(lambda: self.runner(id).status.up)

    async def wait_down(self, *ids: str) -> None:
        """Return when none of the services runs."""
        await self._wait(lambda: not any(self.runner(id).status.running for id in ids))

    async def _wait(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    # -- reports of runners --

    def _report(self, service: Service, state: ServiceState, message: str) -> None:
        status = self._runners[service.id].status
        status.state = state
        if state is not ServiceState.RUNNING:
            status.health.unknown, status.health.healthy = True, False
        self._record(status, message)

    def _report_health(self, service: Service, reason: str) -> None:
        status = self._runners[service.id].status
        healthy = not reason
        health = status.health
        if not health.unknown and health.healthy == healthy:
            return
        health.unknown, health.healthy = False, healthy
        health.last_message = reason
        health.last_change = self._now()
        if status.checked:
            self._record(status, "Health check successful" if healthy else f"Health check failed: {reason}")
        else:
            self._publish(status, status.events[-1])

    def _record(self, status: ServiceStatus, message: str) -> None:
        event = ServiceEvent(status.state, message, self._now())
        status.events.append(event)
        log.info("service[%s](%s): %s", status.id, status.state, message)
        self._node.events.publish(
            machine_pb2.ServiceStateEvent(
                service=status.id,
                action=status.state.name,
                message=message,
                health=health_message(status),
            )
        )
        self._publish(status, event)

    def _publish(self, status: ServiceStatus, _event: ServiceEvent) -> None:
        self._writes.put_nowait((status.id, status.running, status.health.healthy, status.health.unknown))

    async def publish_forever(self) -> None:
        """Write states as resources, and wake who waits. Runs as long as machined."""
        from talos.resources.v1alpha1 import ServiceSpec

        while True:
            id, running, healthy, unknown = await self._writes.get()
            if running:
                spec = ServiceSpec(running=running, healthy=healthy, unknown=unknown)

                def written(_: ServiceSpec, spec: ServiceSpec = spec) -> ServiceSpec:
                    return spec

                await self._node.state.modify(ServiceSpec, id, written, owner=OWNER)
            else:
                with suppress(NotFoundError):
                    await self._node.state.destroy(ServiceSpec, id, owner=OWNER)
            await self._publish_pid(id)
            async with self._changed:
                self._changed.notify_all()

    async def _publish_pid(self, id: str) -> None:
        """ServicePID of a service that has a process: which one, and which mounts it sees."""
        from talos.resources.runtime import ServicePIDSpec

        pid, namespace = self._runners[id].pid, ""
        if pid:
            with suppress(OSError):  # it has ended meanwhile
                namespace = str(Path(f"/proc/{pid}/ns/mnt").readlink())
        if namespace:
            spec = ServicePIDSpec(pid=pid, mount_namespace=namespace)
            await self._node.state.modify(ServicePIDSpec, id, lambda _: spec)
        else:
            with suppress(NotFoundError):
                await self._node.state.destroy(ServicePIDSpec, id)

    def _now(self) -> float:
        return self._node.env.clock.now().timestamp()

    # -- what was stopped by hand survives machined, not the node --

    def _stopped_by_hand(self) -> set[str]:
        try:
            return set(json.loads((self._records / "stopped").read_text()))
        except (FileNotFoundError, ValueError):
            return set()

    def _mark_stopped(self, id: str, stopped: bool) -> None:
        ids = self._stopped_by_hand()
        changed = ids | {id} if stopped else ids - {id}
        if changed != ids:
            self._records.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self._records / "stopped").write_text(json.dumps(sorted(changed)))


def timestamp(seconds: float) -> Timestamp:
    """Protobuf's form of a time."""
    result = Timestamp()
    result.FromNanoseconds(int(seconds * 1e9))
    return result


def health_message(status: ServiceStatus) -> machine_pb2.ServiceHealth:
    """Health as the API shows it."""
    health = status.health
    message = machine_pb2.ServiceHealth(
        unknown=health.unknown, healthy=health.healthy, last_message=health.last_message
    )
    if health.last_change:
        message.last_change.CopyFrom(timestamp(health.last_change))
    return message

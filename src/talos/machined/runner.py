"""Runs one service: waits for what it needs, starts or adopts it, checks its health, starts it again when it ends.

A program that runs already when machined starts (machined was restarted) is adopted: its record in RECORDS names its
process by pid and start time, and a process of that name is that program. Ending machined therefore never ends a
program; only `stop` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from talos.linux.process import ProcessId, SpawnError, alive, send_signal, spawn
from talos.machined import conditions, exits
from talos.machined.service import ForkedService, InternalService, ProgramService, Service, ServiceState, ServiceStatus
from talos.state.backoff import Backoff

if TYPE_CHECKING:
    from talos.machined.node import Node

RECORDS = Path("/run/machined/services")
LIVED_LONG_S = 10.0
T = TypeVar("T")


class _Stopped(Exception):
    """The service was asked to stop while it waited."""


class ServiceRunner:
    """One service of one node. `report(state, message)` and `healthy(...)` go to the supervisor."""

    def __init__(
        self,
        service: Service,
        node: Node,
        report: Callable[[Service, ServiceState, str], None],
        health: Callable[[Service, str], None],
        records: Path = RECORDS,
    ) -> None:
        self.service = service
        self.status = ServiceStatus(service.id)
        self._node = node
        self._report_to = report
        self._health_to = health
        self._record_path = records / f"{service.id}.json"
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._log = logging.getLogger(f"machined.service.{service.id}")
        self._lock = asyncio.Lock()
        self.process: ProcessId | None = None
        self.pid = 0
        """of what runs, 0 while nothing does that has a process of its own"""

    # -- commands --

    def start(self) -> None:
        """Start, unless it is started already."""
        if self._task is None or self._task.done():
            self._stop = asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"service {self.service.id}")

    async def stop(self) -> None:
        """Stop and wait until it has ended."""
        async with self._lock:
            if self._task is None:
                return
            self._stop.set()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def detach(self) -> None:
        """machined ends: forget the service, let it run."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def started(self) -> bool:
        """It was asked to run and not asked to stop."""
        return self._task is not None and not self._task.done() and not self._stop.is_set()

    # -- life --

    def _report(self, state: ServiceState, message: str) -> None:
        self._report_to(self.service, state, message)

    async def _run(self) -> None:
        backoff = Backoff(first=0.05, factor=2.0, limit=5.0, jitter=0.1)
        try:
            process = self._adoptable()
            if process is None:
                self._report(ServiceState.STARTING, "Starting service")
            while True:
                began = self._node.env.clock.monotonic()
                try:
                    await self._once(process)
                except (_Stopped, asyncio.CancelledError):
                    raise
                except Exception as error:
                    self._log.error("service %s failed: %s", self.service.id, error, exc_info=not _expected(error))
                    message = f"Failed: {error}"
                    self._report(ServiceState.FAILED, message)
                process = None
                if self._node.env.clock.monotonic() - began > LIVED_LONG_S:
                    backoff.reset()
                delay = backoff.next()
                self._report(ServiceState.WAITING, f"Restarting in {delay:.1f} s")
                await self._or_stop(self._node.env.clock.sleep(delay))
        except _Stopped:
            self._report(ServiceState.FINISHED, "Service finished successfully")

    async def _once(self, process: ProcessId | None) -> None:
        if process is None:
            await self._wait_for_conditions()
            self._report(ServiceState.PREPARING, "Running pre state")
            await self._or_stop(self.service.prepare(self._node))
            self._report(ServiceState.PREPARING, "Creating service runner")
        service = self.service
        if isinstance(service, ProgramService):
            await self._run_program(service, process)
        elif isinstance(service, ForkedService):
            await self._run_forked(service)
        elif isinstance(service, InternalService):
            self._report(ServiceState.RUNNING, "Service started as part of machined")
            await self._while_healthy_checks(asyncio.Event().wait())
        else:
            raise TypeError(f"{service.id} is no kind of service")

    async def _wait_for_conditions(self) -> None:
        waiting: list[conditions.Condition] = [conditions.ServiceUp(id) for id in self.service.depends]
        waiting += self.service.conditions(self._node)
        waiting = [condition for condition in waiting if not await condition.holds(self._node)]
        tasks = {asyncio.ensure_future(c.wait(self._node)): c for c in waiting}
        try:
            while tasks:
                self._report(ServiceState.WAITING, conditions.describe(tasks.values()))
                done, _ = await self._or_stop(asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED))
                for task in done:
                    task.result()
                    del tasks[task]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- programs --

    async def _run_program(self, service: ProgramService, process: ProcessId | None) -> None:
        if process is not None and self._record().get("fingerprint") != await self._or_stop(
            service.fingerprint(self._node)
        ):
            self._log.info("%s runs with another configuration than it should: starting it anew", service.id)
            await self._terminate(service, process)
            process = None
        if process is None:
            program = await self._or_stop(service.program(self._node))
            fingerprint = await self._or_stop(service.fingerprint(self._node))
            # One that a killed machined had started and not yet written down: two would share sockets and data.
            await self._kill_rest(service)
            try:
                process = spawn(program)
            except SpawnError as error:
                raise RuntimeError(f"cannot start {error}") from error
            self._write_record(process, fingerprint)
            self.pid = process.pid
            quoted = " ".join(json.dumps(argument) for argument in program.argv)
            self._report(ServiceState.RUNNING, f"Process Process([{quoted}]) started with PID {process.pid}")
        else:
            self.pid = process.pid
            self._report(ServiceState.RUNNING, f"Process {process.pid} goes on, machined was restarted")
        self.process = process
        restart = asyncio.ensure_future(self._first_restart(service))
        ended = asyncio.ensure_future(self._node.exits.wait(process))
        try:
            try:
                await self._while_healthy_checks(asyncio.wait({restart, ended}, return_when=asyncio.FIRST_COMPLETED))
            except _Stopped:
                self._report(ServiceState.STOPPING, f"Sending SIGTERM to process {process.pid}")
                await self._terminate(service, process)
                raise
            if ended.done():
                self._forget_record()
                await self._kill_rest(service)
                raise ProgramEndedError(f"process {process.pid} ended by itself: {exits.describe(ended.result())}")
            restart.result()
            self._report(ServiceState.STOPPING, f"Sending SIGTERM to process {process.pid}: its configuration changed")
            await self._terminate(service, process)
        finally:
            self.process, self.pid = None, 0
            for task in (restart, ended):
                task.cancel()
            await asyncio.gather(restart, ended, return_exceptions=True)

    async def _first_restart(self, service: ProgramService) -> None:
        changes = service.restarts(self._node)
        try:
            async for _ in changes:
                return
        finally:
            with contextlib.suppress(RuntimeError):
                await changes.aclose()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def _terminate(self, service: ProgramService, process: ProcessId) -> None:
        ended = asyncio.ensure_future(self._node.exits.wait(process))
        try:
            send_signal(process, signal.SIGTERM)
            done, _ = await asyncio.wait({ended}, timeout=service.stop_timeout_s)
            if not done:
                self._log.warning("%s did not end within %g s of SIGTERM: killed", service.id, service.stop_timeout_s)
                send_signal(process, signal.SIGKILL)
                await ended
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)
        self._forget_record()
        await self._kill_rest(service)

    async def _kill_rest(self, service: ProgramService) -> None:
        if service.whole_cgroup:
            await self._node.cgroups.kill_all(service.cgroup)

    # -- services of the zygote --

    async def _run_forked(self, service: ForkedService) -> None:
        zygote = self._node.zygote
        await zygote.want(service.id)
        try:
            async for pid in zygote.pids(service.id):
                self.pid = pid or 0
                if pid is None:
                    self._report(ServiceState.WAITING, "Waiting for the zygote to fork it")
                    continue
                self._report(ServiceState.RUNNING, f"Forked by the zygote with PID {pid}")
                await self._while_healthy_checks(zygote.wait_changed(service.id, pid))
        except _Stopped:
            self._report(ServiceState.STOPPING, "Stopping service")
            await zygote.unwant(service.id)
            raise
        finally:
            self.pid = 0

    # -- health --

    async def _while_healthy_checks(self, main: Awaitable[T]) -> T:
        check = self.service.health(self._node)
        self.status.checked = check is not None
        if check is None:
            self._health_to(self.service, "")
            return await self._or_stop(main)
        checker = asyncio.ensure_future(self._check_health(check))
        try:
            return await self._or_stop(main)
        finally:
            checker.cancel()
            await asyncio.gather(checker, return_exceptions=True)

    async def _check_health(self, check: Any) -> None:
        failures, ever = 0, False
        while True:
            reason = await check.once()
            if not reason or ever:
                self._health_to(self.service, reason)
            ever = ever or not reason
            failures = failures + 1 if reason else 0
            await self._node.env.clock.sleep(check.pause(failures, ever))

    # -- helpers of the above --

    async def _or_stop(self, awaitable: Awaitable[T]) -> T:
        if self._stop.is_set():
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            raise _Stopped
        task = asyncio.ensure_future(awaitable)
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise _Stopped
        finally:
            for future in (task, stop):
                future.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    def _record(self) -> dict[str, Any]:
        try:
            record = json.loads(self._record_path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _adoptable(self) -> ProcessId | None:
        record = self._record()
        if not isinstance(self.service, ProgramService) or "pid" not in record:
            return None
        process = ProcessId(int(record["pid"]), int(record["start_time"]))
        if alive(process):
            return process
        self._forget_record()
        return None

    def _write_record(self, process: ProcessId, fingerprint: str) -> None:
        self._record_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._record_path.with_suffix(".tmp")
        partial.write_text(
            json.dumps({"pid": process.pid, "start_time": process.start_time, "fingerprint": fingerprint})
        )
        partial.replace(self._record_path)

    def _forget_record(self) -> None:
        self._record_path.unlink(missing_ok=True)


class ProgramEndedError(Exception):
    """A program ended that should run."""


def _expected(error: Exception) -> bool:
    return isinstance(error, (ProgramEndedError, RuntimeError, OSError))

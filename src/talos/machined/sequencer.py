"""Runs sequences one at a time, with an event for each sequence, phase and task, and decides who may interrupt whom."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from talos.api import common_pb2, machine_pb2
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.machined.sequences import SEQUENCES, TAKEOVER, Phase, Request, Task
from talos.resources.enums import MachineStage

if TYPE_CHECKING:
    from talos.machined.node import Node

log = logging.getLogger("machined.sequence")

OWNER = "runtime.Sequencer"
RECORD = Path("/run/machined/sequence.json")
BOOTED = Path("/run/machined/booted")
RESUMED = ("reboot", "shutdown", "reset", "upgrade")
_STAGES = {
    "initialize": MachineStage.BOOTING,
    "install": MachineStage.BOOTING,
    "boot": MachineStage.BOOTING,
    "reboot": MachineStage.REBOOTING,
    "shutdown": MachineStage.SHUTTING_DOWN,
    "reset": MachineStage.RESETTING,
    "upgrade": MachineStage.UPGRADING,
}


class LockedError(Exception):
    """Another sequence runs that must not be interrupted by this one."""


class Sequencer:
    """`run` for the boot; `begin` for what the API asks for."""

    def __init__(self, node: Node, record: Path = RECORD, booted: Path = BOOTED) -> None:
        self._node = node
        self._record = record
        self._booted = booted
        self._running: str = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> str:
        """Name of the sequence that runs, "" for none."""
        return self._running

    @property
    def booted(self) -> bool:
        """The node has booted once since it was switched on: a machined that starts now was restarted."""
        return self._booted.exists()

    async def start_node(self) -> None:
        """Boot, or, when machined was restarted, go on where the node is."""
        unfinished = self._unfinished()
        if unfinished is not None:
            name, request = unfinished
            log.warning("machined was restarted during %s: going on with it", name)
            await self._start_again()
            self.begin(name, request)
            return
        if self.booted:
            log.info("machined was restarted on a running node: nothing is booted again")
            await self._start_again()
            await self.set_stage(MachineStage.RUNNING, problem=self._node.config.refused)
            return
        self._task = asyncio.ensure_future(self._boot())

    async def _boot(self) -> None:
        for name in ("initialize", "install", "boot"):
            if not await self._run(name, Request(to_disk=not self._node.env.in_container)):
                return
        self._booted.write_text("")
        await self.set_stage(MachineStage.RUNNING)

    async def _start_again(self) -> None:
        from talos.machined import tasks

        await tasks.start_again(self._node)

    def begin(self, name: str, request: Request) -> None:
        """Start a sequence; LockedError when the running one must not be interrupted."""
        if self._running and name not in TAKEOVER[self._running]:
            raise LockedError(f"locked: sequence {self._running} is running, {name} may not interrupt it")
        previous = self._task
        if name in RESUMED:
            self._record.parent.mkdir(parents=True, exist_ok=True)
            self._record.write_text(json.dumps({"name": name, "request": asdict(request)}))
        self._running = name
        self._task = asyncio.ensure_future(self._take_over(previous, name, request))

    async def _take_over(self, previous: asyncio.Task[None] | None, name: str, request: Request) -> None:
        if previous is not None:
            previous.cancel()
            await asyncio.gather(previous, return_exceptions=True)
        ok = await self._run(name, request)
        if not ok and name in RESUMED:
            # Half-stopped is no state to stay in: the machine ends as asked, the failure stands in log and events.
            from talos.machined import tasks

            back = name in ("reboot", "upgrade") or request.reboot
            await (tasks.reboot if back else tasks.shutdown)(self._node, request)

    async def _run(self, name: str, request: Request) -> bool:
        self._running = name
        phases = SEQUENCES[name](request)
        self._sequence_event(name, machine_pb2.SequenceEvent.START, request)
        log.info("%s sequence: %d phase(s)", name, len(phases))
        error: Exception | None = None
        try:
            for number, phase in enumerate(phases, 1):
                await self.set_stage(_STAGES[name], name, phase.name)
                await self._run_phase(phase, number, len(phases), request)
        except asyncio.CancelledError:
            self._sequence_event(name, machine_pb2.SequenceEvent.STOP, request, InterruptedError("interrupted"))
            raise
        except Exception as failure:
            error = failure
            log.error("%s sequence failed: %s", name, failure, exc_info=True)
        self._running = ""
        self._sequence_event(name, machine_pb2.SequenceEvent.STOP, request, error)
        log.info("%s sequence: %s", name, "done" if error is None else "failed")
        return error is None

    async def _run_phase(self, phase: Phase, number: int, total: int, request: Request) -> None:
        log.info("phase %s (%d/%d): %d task(s)", phase.name, number, total, len(phase.tasks))
        events, actor = self._node.events, request.actor_id
        events.publish(machine_pb2.PhaseEvent(phase=phase.name, action=machine_pb2.PhaseEvent.START), actor)
        results = await asyncio.gather(*(self._run_task(task, request) for task in phase.tasks), return_exceptions=True)
        events.publish(machine_pb2.PhaseEvent(phase=phase.name, action=machine_pb2.PhaseEvent.STOP), actor)
        for result in results:
            if isinstance(result, asyncio.CancelledError):
                # Not ours, which gather would have raised: whoever interrupts the sequence cancels all of it.
                raise RuntimeError(f"a task of phase {phase.name} was cancelled from within") from result
            if isinstance(result, BaseException):
                raise result

    async def _run_task(self, task: Task, request: Request) -> None:
        name = task.__name__
        events, actor = self._node.events, request.actor_id
        clock = self._node.env.clock
        began = clock.monotonic()
        events.publish(machine_pb2.TaskEvent(task=name, action=machine_pb2.TaskEvent.START), actor)
        try:
            await task(self._node, request)
            log.info("task %s: done, %.3f s", name, clock.monotonic() - began)
        except Exception as error:
            log.error("task %s: failed: %s", name, error)
            raise
        finally:
            events.publish(machine_pb2.TaskEvent(task=name, action=machine_pb2.TaskEvent.STOP), actor)

    async def set_stage(self, stage: MachineStage, sequence: str = "", phase: str = "", problem: str = "") -> None:
        """Publish what the node is doing, and what is wrong with its configuration."""

        def change(spec: MachineStageSpec) -> None:
            spec.stage, spec.sequence, spec.phase, spec.problem = stage, sequence, phase, problem

        await self._node.state.modify(MachineStageSpec, STAGE_ID, change, owner=OWNER)

    def _sequence_event(
        self, name: str, action: machine_pb2.SequenceEvent.Action, request: Request, error: Exception | None = None
    ) -> None:
        event = machine_pb2.SequenceEvent(sequence=name, action=action)
        if error is not None:
            code = common_pb2.CANCELED if isinstance(error, InterruptedError) else common_pb2.FATAL
            event.error.CopyFrom(common_pb2.Error(code=code, message=str(error)))
        self._node.events.publish(event, request.actor_id)

    def _unfinished(self) -> tuple[str, Request] | None:
        try:
            record = json.loads(self._record.read_text())
            request = record["request"]
            for name in ("wipe", "disks"):
                request[name] = tuple(request.get(name, ()))
            return record["name"], Request(**request)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            log.error("%s is unreadable and ignored: %s", self._record, error)
            return None

"""WatchdogTimerConfig → what PID 1 feeds → WatchdogTimerStatus.

PID 1 holds every watchdog (docs/decisions/0029): it is asked by a line, and answers in a file (os/init/README.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from datetime import timedelta

from msgspec import Struct

from talos.controllers.publish import publish
from talos.controllers.runtime.watchdog_timer_config import ID
from talos.environment import NodeEnvironment
from talos.machined import init_control
from talos.resources.runtime import WatchdogTimerConfigSpec, WatchdogTimerStatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

ANSWER = "/run/init/watchdog"
_LOOKS, _PAUSE_S = 250, 0.02
"""PID 1 answers within milliseconds, unless it ends the node"""
_AGAIN_S = 10.0
"""a driver may be loaded later than its document is read"""


class Answer(Struct, frozen=True):
    """Of PID 1: the error, or the driver's timeout and how often it is fed."""

    error: int = 0
    timeout_s: int = 0
    interval_ms: int = 0


def parse(text: str, number: int) -> Answer | None:
    """None: it answers another question, or is none."""
    try:
        given, error, timeout_s, interval_ms = (int(field) for field in text.split())
    except ValueError:
        return None
    return Answer(error, timeout_s, interval_ms) if given == number else None


async def ask(env: NodeEnvironment, wanted: WatchdogTimerConfigSpec | None) -> Answer:
    """OSError: there is no PID 1 of ours. TimeoutError: it does not answer."""
    number = int.from_bytes(os.urandom(3))
    device = f" {wanted.device} {int(wanted.timeout.total_seconds())}" if wanted is not None else ""
    init_control.tell(env, f"watchdog {number}{device}")
    for _ in range(_LOOKS):
        with contextlib.suppress(FileNotFoundError):
            if answer := parse(env.path(ANSWER).read_text(), number):
                return answer
        await asyncio.sleep(_PAUSE_S)
    raise TimeoutError("PID 1 does not say what became of the watchdog")


class WatchdogTimerController(Controller):
    name = "runtime.WatchdogTimerController"
    inputs = (Input(WatchdogTimerConfigSpec, id=ID),)
    outputs = (Output(WatchdogTimerStatusSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._said = ""

    async def reconcile(self, rt: Runtime) -> None:
        resource = await rt.get_or_none(WatchdogTimerConfigSpec, ID)
        wanted = resource.spec if resource is not None else None
        if wanted is None and not rt.env.path(ANSWER).exists():
            return  # nobody ever asked
        desired, problem = {}, ""
        try:
            answer = await ask(rt.env, wanted)
            problem = os.strerror(answer.error) if answer.error else ""
        except (OSError, TimeoutError) as error:
            problem = str(error)
        if wanted is not None and not problem:
            desired[ID] = WatchdogTimerStatusSpec(
                device=wanted.device,
                timeout=timedelta(seconds=answer.timeout_s),
                feed_interval=timedelta(milliseconds=answer.interval_ms),
            )
        elif problem:
            if problem != self._said:
                device = wanted.device if wanted is not None else "what is no longer configured"
                rt.log.error("WatchdogTimerConfig: %s: %s; see `talosctl ls -l /dev`", device, problem)
            rt.requeue_after(_AGAIN_S)
        self._said = problem
        await publish(rt, WatchdogTimerStatusSpec, desired)

"""Keeps the clock and says whether it can be trusted: what etcd, kubelet and trustd wait for.

A container's clock is its host's: it counts as synchronized at once and is never set, whatever is configured. The same
holds where synchronization is switched off. On a machine the time servers are asked, all at once, of which the majority
counts; the first answer sets the clock in one step, later ones slew it (talos.controllers.time.clock_filter).

A machine without a reachable time server must still start: after the configured wait, or one minute, its own clock
counts, provided that it is not plainly wrong. One that shows a time before this software was made has no battery; it is
put to that time first, so that certificates of its cluster are at least not from the future, and waited for longer.
"""

from __future__ import annotations

import asyncio

from talos.controllers.time.clock_filter import Action, ClockFilter, select
from talos.controllers.time.sync_settings import ID, TimeSyncSettingsSpec
from talos.linux import clock
from talos.linux.ntp import KissError, NtpError, Sample, query
from talos.resources.network import TimeServerStatusSpec
from talos.resources.time import NTPStatusSpec, StatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

RETRY_S, LAST_RETRY_S = 2.0, 32.0
SPIKE_RETRY_S = 8.0
BOOT_LIMIT_S, WRONG_CLOCK_LIMIT_S = 60.0, 600.0
RATE_PENALTY_S = 900.0
MAX_SERVERS = 8
EARLIEST_S = 1767225600.0
"""2026-01-01: no machine with this version was ever started before"""


class SyncController(Controller):
    name = "time.SyncController"
    process = "timed"
    inputs = (Input(TimeSyncSettingsSpec, id=ID), Input(TimeServerStatusSpec, id="timeservers"))
    outputs = (Output(StatusSpec, EXCLUSIVE), Output(NTPStatusSpec, EXCLUSIVE))

    def __init__(self) -> None:
        self._filter = ClockFilter()
        self._started: float | None = None
        self._limit_s = BOOT_LIMIT_S
        self._gave_up = False
        self._retry_s = RETRY_S
        self._due = 0.0
        self._servers: list[str] = []
        self._silenced: dict[str, float] = {}
        """server → when it may be asked again (RFC 5905, section 7.4)"""

    async def reconcile(self, rt: Runtime) -> None:
        settings = await rt.get_or_none(TimeSyncSettingsSpec, ID)
        disabled = rt.env.in_container or (settings is not None and not settings.spec.enabled)
        if disabled:
            await self._report(rt, synced=True, disabled=True)
            return
        self._begin(rt)
        servers = await rt.get_or_none(TimeServerStatusSpec, "timeservers")
        names = list(servers.spec.time_servers)[:MAX_SERVERS] if servers is not None else []
        now = rt.clock.monotonic()
        if names != self._servers:
            self._servers, self._due, self._retry_s = names, now, RETRY_S
        if settings is not None and names and now >= self._due:
            await self._ask_and_apply(rt, names)
        await self._judge(rt, settings.spec.boot_timeout_seconds if settings is not None else 0.0)
        await self._report(rt, synced=self._filter.synced or self._gave_up, disabled=False)

    def _begin(self, rt: Runtime) -> None:
        if self._started is not None:
            return
        self._started = rt.clock.monotonic()
        behind = EARLIEST_S - clock.now_s()
        if behind > 0:
            rt.log.warning("the clock shows a time before this software was made: putting it forward by %.0f s", behind)
            clock.step(behind, synchronized=False)
            self._limit_s = WRONG_CLOCK_LIMIT_S

    async def _ask_and_apply(self, rt: Runtime, names: list[str]) -> None:
        samples = await self._ask(rt, names)
        best = select(samples)
        if best is None:
            if samples:
                found = ", ".join(f"{sample.server} {sample.offset_s:+.3f} s" for sample in samples)
                rt.log.warning("time servers contradict each other: %s", found)
            self._wait(rt, self._retry_s)
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
            return
        self._retry_s = RETRY_S
        decision = self._filter.consider(best)
        if decision.action is Action.STEP:
            clock.step(decision.offset_s)
            rt.log.info("%s: set the clock by %.3f s", best.server, decision.offset_s)
        elif decision.action is Action.SLEW:
            clock.slew(decision.offset_s)
        else:
            rt.log.info("%s claims an offset of %.3f s; asking again", best.server, best.offset_s)
        self._wait(rt, SPIKE_RETRY_S if decision.action is Action.WAIT else self._filter.poll_s)

    def _wait(self, rt: Runtime, seconds: float) -> None:
        self._due = rt.clock.monotonic() + seconds
        rt.requeue_after(seconds)

    async def _ask(self, rt: Runtime, names: list[str]) -> list[Sample]:
        """Answers of all servers that may be asked, those that cannot be used left out."""
        now = rt.clock.monotonic()
        asked = [name for name in names if self._silenced.get(name, 0.0) <= now]
        answers = await asyncio.gather(*(query(name) for name in asked), return_exceptions=True)
        samples = []
        for name, answer in zip(asked, answers, strict=True):
            match answer:
                case Sample():
                    samples.append(answer)
                case KissError(code=code):
                    forever = code in ("DENY", "RSTR")
                    self._silenced[name] = float("inf") if forever else now + RATE_PENALTY_S
                    rt.log.warning("time server %s: %s", name, answer)
                case TimeoutError() | NtpError() | OSError():
                    rt.log.warning("time server %s: %s", name, str(answer) or "no answer in time")
                case BaseException():
                    raise answer
        return samples

    async def _judge(self, rt: Runtime, configured_s: float) -> None:
        """Whether the machine's own clock has to do."""
        if self._filter.synced or self._gave_up or self._started is None:
            return
        limit = configured_s or self._limit_s
        left = self._started + limit - rt.clock.monotonic()
        if left > 0:
            rt.requeue_after(left)
            return
        self._gave_up = True
        rt.log.error("no time server answered within %.0f s: going on with the machine's own clock", limit)

    async def _report(self, rt: Runtime, *, synced: bool, disabled: bool) -> None:
        status = StatusSpec(synced=synced, epoch=self._filter.epoch, sync_disabled=disabled)
        await rt.modify(StatusSpec, ID, lambda _old: status)
        spikes = self._filter.spikes
        ntp = NTPStatusSpec(spike_detected=spikes > 0, consecutive_spikes=spikes)
        await rt.modify(NTPStatusSpec, ID, lambda _old: ntp)

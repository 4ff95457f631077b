"""Which service runs now: forks, waits, restarts with back-off, stops what is no longer wanted.

One thread, one place to wait: sigtimedwait(2) on SIGCHLD, SIGHUP and SIGTERM, with the time of the next due action as
the limit. No event loop: it would be forked into every child.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from talos.linux.process import start_time
from talos.zygote.services import Service

BACKOFF_MIN_S = 0.010
BACKOFF_MAX_S = 5.0
STABLE_S = 10.0
STOP_S = 5.0
DIRECTORY = Path("/run/zygote")
SIGNALS = (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


class Slot(Struct):
    """What is known of one service. Times are of the monotonic clock, `since` of the wall clock."""

    service: Service
    pid: int = 0
    starttime: int = 0
    restarts: int = -1
    since: float = 0.0
    started: float = 0.0
    backoff: float = BACKOFF_MIN_S
    due: float = 0.0
    stop_deadline: float | None = None
    last_status: int | None = None

    def ended(self, status: int, now: float) -> None:
        """The process is gone: when may it start again."""
        if now - self.started >= STABLE_S or self.stop_deadline is not None:
            self.backoff = BACKOFF_MIN_S
        self.pid = self.starttime = 0
        self.last_status = status
        self.stop_deadline = None
        self.due = now + self.backoff
        self.backoff = min(self.backoff * 2, BACKOFF_MAX_S)

    def state(self, wanted: bool) -> str:
        """running, stopping, waiting (for the back-off) or stopped."""
        if self.pid:
            return "running" if wanted else "stopping"
        return "waiting" if wanted else "stopped"


class Supervisor:
    """Keeps the services of `services` as the files below `directory` want them."""

    def __init__(
        self,
        services: tuple[Service, ...],
        start: Callable[[Service, int], None],
        directory: Path = DIRECTORY,
        say: Callable[[str], None] = print,
        before: Callable[[Service], None] = lambda service: None,
        others: Mapping[int, Callable[[int], None]] | None = None,
    ) -> None:
        """others: process → what is to be told its wait status: children that are no services."""
        self.slots = {service.name: Slot(service) for service in services}
        self.directory = directory
        self._start = start
        self._before = before
        self._others = dict(others or {})
        self._say = say
        self._ending = False

    def prepare(self) -> None:
        """Makes the directory; a zygote that PID 1 started again keeps what was wanted before."""
        want, state = self.directory / "want", self.directory / "state"
        state.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        if not want.is_dir():
            want.mkdir()
            for slot in self.slots.values():
                if slot.service.at_start and not slot.service.always:
                    (want / slot.service.name).touch()
        _write(self.directory / "pid", f"{os.getpid()}\n")

    def run(self) -> int:
        """Until SIGTERM; then stops every service and returns 0."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self.prepare()
        while True:
            now = time.monotonic()
            self.step(now)
            if self._ending and not any(slot.pid for slot in self.slots.values()):
                return 0
            limit = self.next_due(now)
            received = signal.sigtimedwait(SIGNALS, limit) if limit is not None else signal.sigwaitinfo(SIGNALS)
            if received is not None and received.si_signo in (signal.SIGTERM, signal.SIGINT):
                self._ending = True

    def wanted(self, slot: Slot) -> bool:
        """By its row or by its file."""
        if self._ending:
            return False
        return slot.service.always or (self.directory / "want" / slot.service.name).exists()

    def step(self, now: float) -> None:
        """One pass: collects what ended, starts and stops what is due."""
        self._reap(now)
        for slot in self.slots.values():
            wanted = self.wanted(slot)
            if wanted and not slot.pid and now >= slot.due:
                self._fork(slot, now)
            elif not wanted and slot.pid:
                self._stop(slot, now)

    def next_due(self, now: float) -> float | None:
        """Seconds until the next action without a signal; None: nothing is due."""
        times = [slot.due for slot in self.slots.values() if not slot.pid and self.wanted(slot)]
        times += [slot.stop_deadline for slot in self.slots.values() if slot.pid and slot.stop_deadline is not None]
        return max(0.0, min(times) - now) if times else None

    def _fork(self, slot: Slot, now: float) -> None:
        self._before(slot.service)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self._start(slot.service, parent)
            finally:
                os._exit(70)
        slot.pid, slot.started, slot.since = pid, now, time.time()
        slot.starttime = start_time(pid)
        slot.restarts += 1
        self._publish(slot)

    def _stop(self, slot: Slot, now: float) -> None:
        if slot.stop_deadline is None:
            slot.stop_deadline = now + STOP_S
            os.kill(slot.pid, signal.SIGTERM)
            self._publish(slot)
        elif now >= slot.stop_deadline:
            self._say(f"{slot.service.name} did not end within {STOP_S:.0f} s of SIGTERM: killed")
            slot.stop_deadline = now + STOP_S
            os.kill(slot.pid, signal.SIGKILL)

    def _reap(self, now: float) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if ended := self._others.pop(pid, None):
                ended(status)
            for slot in self.slots.values():
                if slot.pid == pid:
                    expected = slot.stop_deadline is not None
                    slot.ended(status, now)
                    if not expected:
                        delay_ms = max(0.0, slot.due - now) * 1000
                        self._say(f"{slot.service.name} ended: {_describe(status)}; next start in {delay_ms:.0f} ms")
                    self._publish(slot)

    def _publish(self, slot: Slot) -> None:
        state = {
            "state": slot.state(self.wanted(slot)),
            "pid": slot.pid,
            "starttime": slot.starttime,
            "restarts": max(slot.restarts, 0),
            "since": slot.since,
            "last_status": slot.last_status,
        }
        _write(self.directory / "state" / slot.service.name, json.dumps(state) + "\n")


def _describe(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"exit status {code}" if code >= 0 else f"killed by signal {signal.Signals(-code).name}"


def _write(path: Path, text: str) -> None:
    """In one step: a reader sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.rename(path)

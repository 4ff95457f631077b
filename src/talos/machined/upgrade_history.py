"""What was tried with the slots and how it ended, on STATE: each change is on the disk before the slot's file changes,
so that whoever boots after a power cut knows what was on its way."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

from talos.controllers.publish import always
from talos.controllers.runtime.upgrade_history import UpgradeHistorySpec
from talos.machined import durable
from talos.state import ZERO_TIME

if TYPE_CHECKING:
    from talos.state.inmemory import InMemoryState

log = logging.getLogger("machined.upgrade")

KEPT = 50
OWNER = "runtime.UpgradeHistory"
UPGRADE, ROLLBACK = "upgrade", "rollback"
STAGED, TRIAL, CONFIRMED, FAILED, INTERRUPTED = "staged", "trial", "confirmed", "failed", "interrupted"
OPEN = frozenset({STAGED, TRIAL})


class Attempt(Struct):
    """One upgrade or rollback. Times in seconds since the epoch, 0: not yet."""

    number: int
    kind: str
    from_slot: str
    from_version: str
    slot: str
    version: str
    source: str = ""
    outcome: str = TRIAL
    reason: str = ""
    started: float = 0.0
    finished: float = 0.0


class UpgradeHistory:
    """The attempts, oldest first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.attempts: list[Attempt] = []

    def load(self) -> None:
        """Read what there is; a file that cannot be read is reported and begun anew."""
        known = set(Attempt.__struct_fields__)
        try:
            rows = json.loads(self._path.read_text())
            self.attempts = [Attempt(**{key: row[key] for key in row if key in known}) for row in rows]
        except FileNotFoundError:
            self.attempts = []
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("%s is damaged and begun anew: %s", self._path, error)
            self.attempts = []

    @property
    def open(self) -> Attempt | None:
        """The attempt whose end is not known."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].outcome in OPEN else None

    def last_of(self, slot: str, version: str) -> Attempt | None:
        """The latest attempt to boot this version from this slot."""
        found = (a for a in reversed(self.attempts) if (a.slot, a.version) == (slot, version))
        return next(found, None)

    def add(self, attempt: Attempt) -> None:
        """Begin one; an open one before it was replaced."""
        if (before := self.open) is not None:
            before.outcome, before.reason, before.finished = INTERRUPTED, "another one was begun", attempt.started
        attempt.number = self.attempts[-1].number + 1 if self.attempts else 1
        self.attempts = [*self.attempts, attempt][-KEPT:]
        self._save()

    def finish(self, attempt: Attempt, outcome: str, reason: str, now: float) -> None:
        """How it ended."""
        attempt.outcome, attempt.reason, attempt.finished = outcome, reason, now
        self._save()

    def _save(self) -> None:
        text = json.dumps([asdict(attempt) for attempt in self.attempts], indent=1)
        durable.write(self._path, text.encode())

    async def publish(self, state: InMemoryState) -> None:
        """As resources; the newest has the highest number."""
        for attempt in self.attempts:
            spec = UpgradeHistorySpec(
                kind=attempt.kind,
                from_version=attempt.from_version,
                to_version=attempt.version,
                slot=attempt.slot,
                source=attempt.source,
                outcome=attempt.outcome,
                reason=attempt.reason,
                started=_time(attempt.started),
                finished=_time(attempt.finished),
            )
            await state.modify(UpgradeHistorySpec, f"{attempt.number:04d}", always(spec), owner=OWNER)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) if seconds else ZERO_TIME

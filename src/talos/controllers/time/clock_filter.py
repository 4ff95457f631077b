"""Which answers of time servers are believed, and what they do to the clock: pure, no clock is read or set here.

After RFC 5905 (sections 11 and 12), cut to what a client of few servers needs: of several servers those count whose
intervals of possible truth overlap for a majority; a jump that one answer alone claims waits for others to agree.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from msgspec import Struct

from talos.linux.ntp import Sample

STEP_S = 0.4
"""above this the clock is set in one step even later (a machine that slept); below, the kernel slews it"""
SPIKE_S = 0.05
"""a smaller jump is never called a spike, however short the way to the server"""
CONFIRMATIONS = 3
"""further answers that must agree before a jump is believed"""
LEAST_POLL_S, LAST_POLL_S = 64.0, 2048.0
CLOSE_S = 0.02
"""an offset below this means that the clock runs well: it is asked less often"""


class Action(enum.Enum):
    """What to do with the clock."""

    STEP = "step"
    SLEW = "slew"
    WAIT = "wait"


class Decision(Struct, frozen=True):
    """offset_s: to step or slew by."""

    action: Action
    offset_s: float = 0.0


def distance(sample: Sample) -> float:
    """How far the truth may be from a sample's offset (root distance, RFC 5905 section 11.1)."""
    return sample.delay_s / 2 + sample.root_s + 0.001


def select(samples: Sequence[Sample]) -> Sample | None:
    """The best sample of the majority; None when no majority agrees. One or two servers: the nearest one is believed,
    for two that disagree cannot tell which of them is wrong; then none is."""
    best: list[Sample] = []
    for point in samples:
        agreeing = [
            other for other in samples if abs(other.offset_s - point.offset_s) <= distance(other) + distance(point)
        ]
        if len(agreeing) > len(best):
            best = agreeing
    if not best or len(best) * 2 <= len(samples):
        return None
    return min(best, key=lambda sample: (distance(sample), sample.server))


class ClockFilter:
    """What was believed so far. A step begins a new epoch."""

    def __init__(self) -> None:
        self.synced = False
        self.epoch = 0
        self.spikes = 0
        self.poll_s = LEAST_POLL_S
        self._claimed = 0.0

    def consider(self, sample: Sample) -> Decision:
        """The next answer that was selected."""
        if not self.synced:
            self.synced = True
            return self._accept(sample, step=True)
        tolerance = max(SPIKE_S, 2 * distance(sample))
        if abs(sample.offset_s) > tolerance:
            if not self.spikes or abs(sample.offset_s - self._claimed) > tolerance:
                self.spikes, self._claimed = 1, sample.offset_s
                return Decision(Action.WAIT)
            self.spikes += 1
            if self.spikes <= CONFIRMATIONS:
                return Decision(Action.WAIT)
        return self._accept(sample, step=abs(sample.offset_s) > STEP_S)

    def _accept(self, sample: Sample, *, step: bool) -> Decision:
        self.spikes = 0
        if abs(sample.offset_s) > STEP_S:
            self.epoch += 1
        close = abs(sample.offset_s) < max(CLOSE_S, distance(sample))
        self.poll_s = min(self.poll_s * 2, LAST_POLL_S) if close else max(self.poll_s / 2, LEAST_POLL_S)
        return Decision(Action.STEP if step else Action.SLEW, sample.offset_s)

"""Which answers are believed: one server, several of which some lie, spikes, and how often they are asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from talos.controllers.time.clock_filter import (
    CONFIRMATIONS,
    LAST_POLL_S,
    LEAST_POLL_S,
    Action,
    ClockFilter,
    Decision,
    select,
)
from talos.linux.ntp import Sample


def sample(offset: float, server: str = "a", delay: float = 0.01) -> Sample:
    return Sample(offset, delay, 2, server)


def test_the_first_answer_sets_the_clock_however_wrong_it_was() -> None:
    clock = ClockFilter()
    years = 5 * 365 * 86400.0
    assert clock.consider(sample(years)) == Decision(Action.STEP, years)
    assert (clock.synced, clock.epoch) == (True, 1)
    assert clock.consider(sample(0.001)) == Decision(Action.SLEW, 0.001)


def test_one_spike_changes_nothing() -> None:
    clock = ClockFilter()
    clock.consider(sample(0.0))
    assert clock.consider(sample(3600.0)).action is Action.WAIT
    assert clock.spikes == 1
    assert clock.consider(sample(0.002)) == Decision(Action.SLEW, 0.002)
    assert (clock.spikes, clock.epoch) == (0, 0)


def test_spikes_that_disagree_are_never_believed() -> None:
    clock = ClockFilter()
    clock.consider(sample(0.0))
    for number in range(1, 20):
        assert clock.consider(sample(1000.0 * number)).action is Action.WAIT


def test_a_jump_that_stays_is_believed() -> None:
    clock = ClockFilter()
    clock.consider(sample(0.0))
    actions = [clock.consider(sample(10.0)).action for _ in range(CONFIRMATIONS + 1)]
    assert actions == [Action.WAIT] * CONFIRMATIONS + [Action.STEP]
    assert clock.epoch == 1


def test_a_clock_that_runs_well_is_asked_less_often() -> None:
    clock = ClockFilter()
    for _ in range(10):
        clock.consider(sample(0.001))
    assert clock.poll_s == LAST_POLL_S
    for _ in range(10):
        clock.consider(sample(0.045))
    assert clock.poll_s == LEAST_POLL_S


def test_a_majority_outvotes_who_lies() -> None:
    liar = sample(500.0, "liar", delay=0.0001)
    good = [sample(0.001, "b", 0.02), sample(-0.002, "c", 0.01)]
    assert select([liar, *good]) == good[1]
    assert select([liar, good[0]]) is None
    assert select([liar]) == liar
    assert select([]) is None


@given(
    st.lists(st.floats(-0.004, 0.004), min_size=3, max_size=6),
    st.lists(st.floats(1, 1e9) | st.floats(-1e9, -1), max_size=2),
)
def test_fewer_liars_than_honest_servers_never_win(honest: list[float], lies: list[float]) -> None:
    samples = [sample(offset, f"h{n}") for n, offset in enumerate(honest)]
    samples += [sample(offset, f"l{n}", 0.0) for n, offset in enumerate(lies)]
    chosen = select(samples)
    assert chosen is not None
    assert chosen.server.startswith("h")

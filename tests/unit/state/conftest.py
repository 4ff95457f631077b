"""A clock that stands until a test moves it, and the guard against leaked tasks."""

from __future__ import annotations

import pytest
from tests.conformance.conftest import no_leaked_task
from tests.unit.state.fake_clock import FakeClock

__all__ = ["clock", "no_leaked_task"]


@pytest.fixture
def clock() -> FakeClock:
    """A clock at 2030-01-01."""
    return FakeClock()

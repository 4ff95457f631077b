"""The suite on all implementations (see conftest)."""

from __future__ import annotations

from tests.conformance.state_suite import StateSuite


class TestState(StateSuite):
    """Runs the suite."""

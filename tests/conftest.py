"""For all tests: how long an example takes decides nothing, on a busy machine least of all."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("talos", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("talos")

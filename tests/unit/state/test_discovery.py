"""Each process imports only the package that holds its controllers."""

from __future__ import annotations

import pytest

from talos.state.discovery import discover


@pytest.mark.parametrize(("process", "package"), [("networkd", "network"), ("timed", "time")])
def test_a_process_has_all_its_controllers_in_one_package(process: str, package: str) -> None:
    everywhere = discover(process=process)
    assert everywhere
    assert discover(f"talos.controllers.{package}", process) == everywhere

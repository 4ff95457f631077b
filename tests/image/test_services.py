"""The real services of the image, booted without a configuration: what they cost and how soon they answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.image.conftest import BootedNode, wait_for

Boot = Callable[[dict[str, str] | None], BootedNode]
BUDGET_KIB = 95 * 1024
FORKED = ("machined", "apid", "networkd", "timed")

pytestmark = pytest.mark.root


def proportional_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def serving(node: BootedNode) -> bool:
    log = node.path("/var/log/apid.log")
    return log.exists() and "listening on" in log.read_text()


def test_every_module_of_the_services_can_be_imported(boot: Boot) -> None:
    node = boot(None)
    wait_for(lambda: serving(node), "apid listens")
    assert "cannot be imported" not in node.console.read_text()


def test_memory_stays_in_the_budget(boot: Boot) -> None:
    node = boot(None)
    node.running("machined")
    node.want("trustd", True)
    wait_for(lambda: serving(node), "apid listens")
    pids = [node.pid, node.zygote(), *(node.host_pid(node.running(name)) for name in (*FORKED, "trustd"))]
    assert sum(proportional_kib(pid) for pid in pids) < BUDGET_KIB


@pytest.mark.parametrize("name", FORKED)
def test_a_killed_service_is_back_and_the_others_stay(boot: Boot, name: str) -> None:
    node = boot(None)
    wait_for(lambda: serving(node), "apid listens")
    before = {other: node.running(other) for other in FORKED}
    os.kill(node.host_pid(before[name]), signal.SIGKILL)
    node.running(name, other_than=before[name])
    assert all(node.service(other)["pid"] == pid for other, pid in before.items() if other != name)

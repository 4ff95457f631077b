"""PID 1, the zygote and what a service is given, read back from the kernel on a node booted from the image.

The services here are small replacements, so that a fault is a fault of what is tested; test_services.py runs the real.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.image.conftest import BootedNode, wait_for

from talos.linux import capabilities
from talos.zygote.services import SERVICES, Service

WAITS = (
    "import os, signal\ndef main():\n    print('secret', os.environ.get('USERDATA'), flush=True)\n    signal.pause()\n"
)
IGNORES = (
    "import signal\ndef main():\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    while True: signal.pause()\n"
)
ENDS = "def main():\n    return 3\n"
# Starts a program the way machined does (double fork) and tells its pid.
STARTS = """
import os, signal
def main():
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            signal.pause()
        os._exit(0)
    os.wait()
    signal.pause()
"""
NAMES = [service.name for service in SERVICES]
AT_START = [service.name for service in SERVICES if service.at_start]
Boot = Callable[[dict[str, str] | None], BootedNode]

pytestmark = pytest.mark.root


def all_waiting(**other: str) -> dict[str, str]:
    return dict.fromkeys(NAMES, WAITS) | other


def status(pid: int, key: str) -> str:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith(key + ":"))


def test_each_service_gets_its_user_capabilities_and_cgroup_and_no_more(boot: Boot) -> None:
    node = boot(all_waiting())
    node.running("machined")
    for service in SERVICES:
        node.want(service.name, True)  # some run only where they are needed
    held = capabilities.of_process(node.pid)["CapBnd"]
    for service in SERVICES:
        pid = node.host_pid(node.running(service.name))
        wait_for(lambda service=service: "secret" in log(node, service), "main() is reached")  # type: ignore[misc]
        check(service, pid, held, node)
    assert "secret c2VjcmV0" in log(node, SERVICES[0])
    assert all("secret None" in log(node, service) for service in SERVICES[1:])
    zygote = Path(f"/proc/{node.zygote()}/environ").read_bytes()
    assert b"USERDATA" not in zygote


def log(node: BootedNode, service: Service) -> str:
    path = node.path(f"/var/log/{service.name}.log")
    return path.read_text() if path.exists() else ""


def check(service: Service, pid: int, held: frozenset[int], node: BootedNode) -> None:
    expected = held if service.capabilities is None else service.capabilities
    sets = capabilities.of_process(pid)
    assert sets["CapPrm"] == sets["CapEff"] == sets["CapBnd"] == expected, service.name
    assert set(status(pid, "Uid").split()) == set(status(pid, "Gid").split()) == {str(service.uid)}
    assert status(pid, "Groups") == ""
    assert status(pid, "NoNewPrivs") == ("0" if service.starts_programs else "1")
    assert status(pid, "Name") == service.name
    assert Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0") == service.name.encode()
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    # On a hybrid host the empty v2 tree (no controllers named) is not part of the node.
    groups = {group for _, controllers, group in lines if controllers or len(lines) == 1}
    ours = {group for group in groups if group.startswith(f"/{node.id}")}
    assert ours == {f"/{node.id}/{service.cgroup}"}
    assert str(Path(f"/proc/{pid}/fd/0").readlink()) == "/dev/null"
    assert len(list(Path(f"/proc/{pid}/fd").iterdir())) == 3, "no descriptor but the three standard ones"
    if service.limits.memory_max and (v1 := Path(f"/sys/fs/cgroup/memory/{node.id}/{service.cgroup}")).exists():
        assert int((v1 / "memory.limit_in_bytes").read_text()) == service.limits.memory_max


@pytest.mark.parametrize("name", AT_START)
def test_a_killed_service_is_back_and_nothing_else_restarted(boot: Boot, name: str) -> None:
    node = boot(all_waiting())
    before = {other: node.running(other) for other in AT_START}
    os.kill(node.host_pid(before[name]), signal.SIGKILL)
    node.running(name, other_than=before[name])
    assert {other: node.service(other)["pid"] for other in before if other != name} == {
        other: pid for other, pid in before.items() if other != name
    }
    assert node.service(name)["restarts"] == 1


def test_a_service_that_keeps_ending_is_restarted_ever_more_slowly(boot: Boot) -> None:
    node = boot(all_waiting(timed=ENDS))
    wait_for(lambda: node.service("timed").get("restarts", 0) >= 5, "timed is restarted")
    delays = [
        line.split()[-2] for line in node.console.read_text().splitlines() if "timed ended: exit status 3" in line
    ]
    assert delays[:5] == ["10", "20", "40", "80", "160"]


def test_services_start_and_stop_as_wanted(boot: Boot) -> None:
    node = boot(all_waiting())
    node.running("machined")
    assert node.service("trustd") == {}
    node.want("trustd", True)
    node.running("trustd")
    node.want("trustd", False)
    wait_for(lambda: node.service("trustd")["state"] == "stopped", "trustd stops")


@pytest.mark.slow
def test_a_service_that_ignores_sigterm_is_killed(boot: Boot) -> None:
    node = boot(all_waiting(timed=IGNORES))
    node.running("timed")
    pid = node.host_pid(node.running("timed"))
    wait_for(lambda: int(status(pid, "SigIgn"), 16) >> (signal.SIGTERM - 1) & 1, "main() is reached")
    node.want("timed", False)
    wait_for(lambda: node.service("timed")["state"] == "stopped", "timed is killed", 10)
    assert os.WTERMSIG(node.service("timed")["last_status"]) == signal.SIGKILL


def test_services_end_with_the_zygote_and_come_back_but_programs_stay(boot: Boot) -> None:
    node = boot(all_waiting(machined=STARTS))
    machined = node.host_pid(node.running("machined"))
    program = wait_for(lambda: orphan(node, machined), "machined's program is PID 1's child")
    apid = node.running("apid")
    node.running("timed")
    node.want("timed", False)
    wait_for(lambda: node.service("timed")["state"] == "stopped", "timed stops")
    os.kill(node.zygote(), signal.SIGKILL)
    node.running("apid", other_than=apid)
    wait_for(lambda: not Path(f"/proc/{machined}").exists(), "machined ends with the zygote")
    assert Path(f"/proc/{program}").exists()
    assert "timed" not in {entry.name for entry in node.path("/run/zygote/want").iterdir()}
    os.kill(program, signal.SIGTERM)
    inside = wait_for(
        lambda: next((e for e in events(node) if e[1] == "exit" and e[4] == str(signal.SIGTERM.value)), None),
        "PID 1 publishes the program's end",
    )
    assert int(inside[3]) > 0


def orphan(node: BootedNode, machined: int) -> int:
    """A child of PID 1 that machined started."""
    children = Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()
    return next((int(c) for c in children if status(int(c), "Name") == "machined" and int(c) != machined), 0)


def events(node: BootedNode) -> list[list[str]]:
    return [line.split() for line in node.path("/run/init/events").read_text().splitlines()]


def test_published_exits_name_the_process_by_its_start_time(boot: Boot) -> None:
    node = boot(all_waiting(machined=STARTS))
    machined = node.host_pid(node.running("machined"))
    program = wait_for(lambda: orphan(node, machined), "machined's program is PID 1's child")
    started = Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[19]
    pid = status(program, "NSpid").split()[-1]
    os.kill(program, signal.SIGKILL)
    found = wait_for(lambda: [e for e in events(node) if e[2] == pid], "the exit is published")
    assert found == [[found[0][0], "exit", pid, started, "9"]]
    assert [int(event[0]) for event in events(node)] == list(range(1, len(events(node)) + 1))


@pytest.mark.parametrize(("command", "code"), [("poweroff", 0), ("halt", 0), ("reboot", 64)])
def test_the_node_ends_on_command_with_the_status_for_the_monitor(boot: Boot, command: str, code: int) -> None:
    node = boot(all_waiting())
    node.running("machined")
    node.control("nonsense")
    node.control(command)
    assert node.ended() == code
    assert "unknown command" in node.console.read_text()


def test_a_signal_to_pid_1_is_published_and_left_to_machined(boot: Boot) -> None:
    node = boot(all_waiting())
    machined = node.running("machined")
    os.kill(node.pid, signal.SIGTERM)
    wait_for(lambda: events(node)[-1:] and events(node)[-1][1:] == ["signal", "15"], "the signal is published")
    assert node.service("machined")["pid"] == machined
    node.control("poweroff")
    assert node.ended() == 0

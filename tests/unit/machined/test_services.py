"""Services with real processes: start, health, stop, restart after an end, dependencies, what the API refuses."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from talos.linux.process import Program, alive
from talos.machined import tasks
from talos.machined.conditions import Condition, FilesExist
from talos.machined.health import HealthCheck
from talos.machined.node import Node
from talos.machined.sequences import Request
from talos.machined.service import InternalService, ProgramService
from talos.machined.services import containerd
from talos.machined.services.containerd import Containerd
from talos.machined.supervisor import ServiceError
from talos.resources.files import EtcFileStatusSpec
from talos.resources.runtime import ServicePIDSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.state.watch import EventKind

NodeFactory = Callable[..., Node]


class Sleeper(ProgramService):
    """A program that runs until it is stopped."""

    id = "sleeper"
    cgroup = "test-without-groups"
    api_restart = True

    async def program(self, node: Node) -> Program:
        return Program(["/bin/sleep", "1000"], {}, log=node.logs.path(self.id))


class Stubborn(Sleeper):
    """Ignores SIGTERM."""

    id = "stubborn"
    stop_timeout_s = 0.2

    async def program(self, node: Node) -> Program:
        return Program(["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"], {},
                       log=node.logs.path(self.id))  # fmt: skip


class Dependant(InternalService):
    """Needs the sleeper and a file."""

    id = "dependant"
    depends = ("sleeper",)

    def __init__(self, file: Path) -> None:
        self.file = file

    def conditions(self, node: Node) -> Sequence[Condition]:
        return (FilesExist("a file", (self.file,)),)


class Checked(InternalService):
    """Healthy when told."""

    id = "checked"
    api_start = api_stop = True

    def __init__(self) -> None:
        self.reason = "not yet"

    async def check(self) -> None:
        if self.reason:
            raise ConnectionError(self.reason)

    def health(self, node: Node) -> HealthCheck:
        return HealthCheck(self.check, period_s=0.01)


class Changing(Sleeper):
    """Restarts on demand."""

    id = "changing"

    def __init__(self) -> None:
        self.changed = asyncio.Event()

    async def restarts(self, node: Node) -> AsyncIterator[None]:
        await self.changed.wait()
        self.changed.clear()
        yield


class Runtime(Sleeper):
    """A program that is started anew for the same reasons as containerd."""

    id = "runtime"
    fingerprint = Containerd.fingerprint
    restarts = Containerd.restarts


async def up(node: Node, id: str) -> None:
    await asyncio.wait_for(node.supervisor.wait_up(id), 10)


def states(node: Node, id: str) -> list[str]:
    return [str(event.state) for event in node.supervisor.runner(id).status.events]


async def test_a_program_runs_is_a_resource_and_ends_with_stop(make_node: NodeFactory) -> None:
    node = make_node([Sleeper()])
    node.supervisor.start("sleeper")
    await up(node, "sleeper")
    process = node.supervisor.runner("sleeper").process
    assert process is not None and alive(process)
    assert (await node.state.get(ServiceSpec, "sleeper")).spec == ServiceSpec(running=True, healthy=True)
    assert states(node, "sleeper") == ["Starting", "Preparing", "Preparing", "Running"]
    await node.supervisor.stop("sleeper")
    assert not alive(process)
    assert states(node, "sleeper")[-2:] == ["Stopping", "Finished"]
    kinds = [event.payload.DESCRIPTOR.name for event in node.events.snapshot()]
    assert kinds == ["ServiceStateEvent"] * 6


async def test_the_process_of_a_service_is_a_resource_while_it_runs(make_node: NodeFactory) -> None:
    node = make_node([Sleeper(), Checked()])
    for id in ("sleeper", "checked"):
        node.supervisor.start(id)
    await up(node, "sleeper")
    async with asyncio.timeout(10), node.state.watch(ServicePIDSpec, "sleeper") as events:
        async for event in events:
            if event.kind is not EventKind.DESTROYED:
                break
        process = node.supervisor.runner("sleeper").process
        assert process is not None
        found = (await node.state.get(ServicePIDSpec, "sleeper")).spec
        assert found == ServicePIDSpec(process.pid, str(Path(f"/proc/{process.pid}/ns/mnt").readlink()))
        assert await node.state.get_or_none(ServicePIDSpec, "checked") is None, "it has no process of its own"
        await node.supervisor.stop("sleeper")
        async for event in events:
            if event.kind is EventKind.DESTROYED:
                break


async def test_containerd_is_started_anew_when_its_own_files_change(make_node: NodeFactory) -> None:
    node = make_node([Runtime()])
    for file in containerd.FILES:
        node.env.path(str(file)).parent.mkdir(parents=True, exist_ok=True)
        node.env.path(str(file)).write_text("first")
    node.supervisor.start("runtime")
    await up(node, "runtime")
    started = node.supervisor.runner("runtime").process

    async def wrote(id: str, text: str, version: str) -> None:
        """As the controller of these files does it."""
        path = node.env.path(f"/etc/{id}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        await node.state.modify(EtcFileStatusSpec, id, lambda spec: setattr(spec, "spec_version", version))

    await wrote("cri/conf.d/cri.toml", "first", "1")  # nothing else than it has read
    await wrote("cri/conf.d/hosts/a/hosts.toml", "read at every pull", "1")
    await asyncio.sleep(0.05)
    assert node.supervisor.runner("runtime").process == started
    await wrote("cri/conf.d/cri.toml", "second", "2")
    async with asyncio.timeout(10):
        while node.supervisor.runner("runtime").process in (None, started):  # noqa: ASYNC110 - a state between two
            await asyncio.sleep(0.01)
    assert started is not None and not alive(started)


async def test_a_killed_program_is_started_again_at_once(make_node: NodeFactory) -> None:
    node = make_node([Sleeper()])
    node.supervisor.start("sleeper")
    await up(node, "sleeper")
    first = node.supervisor.runner("sleeper").process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    await asyncio.wait_for(node.supervisor.wait_down("sleeper"), 10)
    await up(node, "sleeper")
    second = node.supervisor.runner("sleeper").process
    assert second is not None and second != first and alive(second)


async def test_what_a_killed_machined_left_unrecorded_ends_before_the_start(
    make_node: NodeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed between the start and its record: two etcds would fight for one folder."""
    node = make_node([Sleeper()])
    ended: list[tuple[str, bool]] = []

    async def kill_all(name: str) -> None:
        ended.append((name, node.supervisor.runner("sleeper").process is None))

    monkeypatch.setattr(node.cgroups, "kill_all", kill_all)
    node.supervisor.start("sleeper")
    await up(node, "sleeper")
    assert ended == [("test-without-groups", True)]


@pytest.mark.parametrize("name", ["", ".", "/", "..", "a/../.."])
async def test_no_name_of_a_group_means_everything_that_runs(make_node: NodeFactory, name: str) -> None:
    with pytest.raises(ValueError, match="no group of its own"):
        await make_node().cgroups.kill_all(name)


async def test_a_program_deaf_to_sigterm_is_killed(make_node: NodeFactory) -> None:
    node = make_node([Stubborn()])
    node.supervisor.start("stubborn")
    await up(node, "stubborn")
    await asyncio.wait_for(FilesExist("", (node.logs.path("stubborn"),)).wait(node), 5)
    process = node.supervisor.runner("stubborn").process
    assert process is not None
    await asyncio.wait_for(node.supervisor.stop("stubborn"), 10)
    assert not alive(process)


async def test_a_changed_configuration_restarts_the_program(make_node: NodeFactory) -> None:
    service = Changing()
    node = make_node([service])
    node.supervisor.start("changing")
    await up(node, "changing")
    first = node.supervisor.runner("changing").process
    service.changed.set()
    await asyncio.wait_for(node.supervisor.wait_down("changing"), 10)
    await up(node, "changing")
    assert node.supervisor.runner("changing").process != first
    assert "Failed" not in states(node, "changing")


async def test_a_service_waits_for_others_and_files_and_says_so(make_node: NodeFactory, tmp_path: Path) -> None:
    file = tmp_path / "needed"
    node = make_node([Sleeper(), Dependant(file)])
    node.supervisor.start("dependant")
    await up(node, "sleeper")
    waiting = node.supervisor.runner("dependant").status
    while len(waiting.events) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert waiting.events[1].message == 'Waiting for service "sleeper" to be "up", a file'
    assert not waiting.running
    file.write_text("")
    await up(node, "dependant")
    await node.supervisor.stop("sleeper")
    assert not waiting.running, "a service stops before what it depends on"


async def test_health_decides_who_is_up_and_is_reported_when_it_changes(make_node: NodeFactory) -> None:
    service = Checked()
    node = make_node([service])
    node.supervisor.start("checked")
    waiter = asyncio.ensure_future(up(node, "checked"))
    await asyncio.sleep(0.05)
    assert not waiter.done()
    service.reason = ""
    await waiter
    service.reason = "lost"
    await asyncio.wait_for(
        node.state.wait_for(ServiceSpec, "checked", lambda r: not r.spec.healthy and not r.spec.unknown), 10
    )
    messages = [event.message for event in node.supervisor.runner("checked").status.events]
    assert messages[-2:] == ["Health check successful", "Health check failed: lost"]


async def test_what_the_api_refuses(make_node: NodeFactory) -> None:
    node = make_node([Sleeper(), Checked()])
    with pytest.raises(ServiceError, match='service "nosuch" not defined'):
        await node.supervisor.api_restart("nosuch")
    for command in (node.supervisor.api_start, node.supervisor.api_stop, node.supervisor.api_restart):
        with pytest.raises(ServiceError, match='service "checked" not defined'):  # this node never ran it
            await command("checked")
    node.supervisor.start("sleeper", "checked")
    await asyncio.wait_for(node.state.wait_for(ServiceSpec, "checked"), 10)
    with pytest.raises(ServiceError, match='service "sleeper" doesn\'t support stop operation via API'):
        await node.supervisor.api_stop("sleeper")
    node.supervisor.deny_new()
    with pytest.raises(ServiceError, match="going down"):
        await node.supervisor.api_start("checked")


async def test_what_was_stopped_by_hand_stays_stopped_for_a_new_machined(make_node: NodeFactory) -> None:
    service = Checked()
    service.reason = ""
    node = make_node([service])
    node.supervisor.start("checked")
    await up(node, "checked")
    await node.supervisor.api_stop("checked")
    again = make_node([Checked()])
    again.supervisor.start("checked")
    assert not again.supervisor.runner("checked").started
    await again.supervisor.api_start("checked")
    assert again.supervisor.runner("checked").started


async def test_a_program_that_does_not_exist_fails_with_its_name(make_node: NodeFactory) -> None:
    class Absent(Sleeper):
        id = "absent"

        async def program(self, node: Node) -> Program:
            return Program(["/nonexistent/program"], {})

    node = make_node([Absent()])
    node.supervisor.start("absent")
    while "Failed" not in states(node, "absent"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    failure = next(e for e in node.supervisor.runner("absent").status.events if e.state == "Failed")
    assert "cannot start /nonexistent/program: exec: No such file or directory" in failure.message
    assert await node.state.get_or_none(ServiceSpec, "absent") is None


async def test_a_restart_is_a_resource_that_goes_and_comes_again(make_node: NodeFactory) -> None:
    """Talos' upgrade-k8s waits for that of the kubelet, event by event, and lists none that does not run."""
    service = Checked()
    service.reason = ""
    node = make_node([service])
    node.supervisor.start("checked")
    await up(node, "checked")
    seen = []
    async with asyncio.timeout(10), node.state.watch(ServiceSpec, "checked") as events:
        first = await anext(aiter(events))
        assert (first.kind, first.resource.spec) == (EventKind.CREATED, ServiceSpec(running=True, healthy=True))
        await node.supervisor.runner("checked").stop()
        node.supervisor.start("checked")
        async for event in events:
            seen.append((event.kind, event.resource.spec))
            if event.kind is EventKind.UPDATED:
                break
    assert [kind for kind, _ in seen] == [EventKind.DESTROYED, EventKind.CREATED, EventKind.UPDATED]
    assert [spec for _, spec in seen[1:]] == [
        ServiceSpec(running=True, healthy=False, unknown=True), ServiceSpec(running=True, healthy=True)
    ]  # fmt: skip


async def test_a_node_that_goes_down_is_reachable_to_the_last(make_node: NodeFactory) -> None:
    """Whoever waits for it hears by apid that it has begun."""

    class Apid(Sleeper):
        id = "apid"

    node = make_node([Apid(), Sleeper()])
    node.supervisor.start("apid", "sleeper")
    await up(node, "apid")
    await up(node, "sleeper")
    await tasks.stopAllServices(node, Request())
    seen = [(e.payload.service, str(e.payload.message)) for e in node.events.snapshot()]
    ends = [service for service, message in seen if "finished" in message.lower() or "SIGTERM" in message]
    assert ends.index("apid") > max(place for place, service in enumerate(ends) if service == "sleeper"), seen

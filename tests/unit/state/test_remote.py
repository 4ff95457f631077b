"""What is special about the state over a socket: machined dies and comes back, and callers are told apart."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conformance.specs import ResultSpec, SecretSpec, ThingSpec

from talos.machined.state_socket import USERS, FullAccess, NoAccess, ProcessAccess, access_of
from talos.state import (
    AccessError,
    Controller,
    ControllerRuntime,
    InMemoryState,
    Input,
    Output,
    Resource,
    Runtime,
    Spec,
    UnavailableError,
)
from talos.state.remote import RemoteState
from talos.state.socket import StateSocket
from talos.zygote.services import SERVICES

PATIENCE_S = 10.0


class Doubler(Controller):
    """Writes twice the value of each thing."""

    name = "test.Doubler"
    inputs = (Input(ThingSpec),)
    outputs = (Output(ResultSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        things = await rt.list(ThingSpec)
        for thing in things:
            total = thing.spec.value * 2
            await rt.modify(ResultSpec, thing.id, lambda _, t=total: ResultSpec(total=t))  # type: ignore[misc]
        await rt.keep_only(ResultSpec, [thing.id for thing in things])


async def test_without_a_server_calls_are_unavailable(tmp_path: Path) -> None:
    async with RemoteState(tmp_path / "state.sock") as state:
        with pytest.raises(UnavailableError, match=r"state\.sock"):
            await state.get(ThingSpec, "a")
        with pytest.raises(UnavailableError):
            await state.list(ThingSpec)
        with pytest.raises(UnavailableError):
            async with state.watch(ThingSpec) as events:
                await anext(events)


async def test_watch_ends_when_the_server_goes_and_waiting_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "state.sock"
    async with RemoteState(path) as state, asyncio.timeout(PATIENCE_S):
        store = InMemoryState()
        async with StateSocket(store, path, lambda uid: FullAccess()):
            waiting = asyncio.create_task(state.wait_for(ThingSpec, "a", lambda r: r.spec.value == 2))
            events = state.watch(ThingSpec)
            await anext(events)
        with pytest.raises(UnavailableError):
            await anext(events)
        assert not waiting.done()
        second = InMemoryState()
        await second.create(Resource.new(ThingSpec, "a", ThingSpec(value=2)))
        async with StateSocket(second, path, lambda uid: FullAccess()):
            assert (await waiting).spec.value == 2


async def test_controllers_work_on_after_the_server_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "state.sock"
    async with RemoteState(path) as state, ControllerRuntime(state, [Doubler]), asyncio.timeout(PATIENCE_S):
        for value in (1, 2, 3):
            store = InMemoryState()
            await store.create(Resource.new(ThingSpec, "a", ThingSpec(value=value)))
            async with StateSocket(store, path, lambda uid: FullAccess()):
                await store.wait_for(ResultSpec, "a", lambda r, v=value: r.spec.total == 2 * v)  # type: ignore[misc]
                await store.modify(ThingSpec, "a", lambda spec: setattr(spec, "value", 50))
                await store.wait_for(ResultSpec, "a", lambda r: r.spec.total == 100)
                await store.destroy(ThingSpec, "a")
                await store.wait_gone(ResultSpec, "a")


class Publisher(Controller):
    """Has no input: something outside of the state wakes it, once."""

    name = "test.Publisher"
    outputs = (Output(ResultSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        await rt.modify(ResultSpec, "published", lambda spec: setattr(spec, "total", 1))


async def test_controllers_without_inputs_write_again_what_the_state_forgot(tmp_path: Path) -> None:
    path = tmp_path / "state.sock"
    async with RemoteState(path) as state, ControllerRuntime(state, [Publisher]), asyncio.timeout(PATIENCE_S):
        for _ in range(3):
            store = InMemoryState()
            async with StateSocket(store, path, lambda uid: FullAccess()):
                await store.wait_for(ResultSpec, "published")
                await state.settle()


SERVER = """
    import asyncio, sys
    from talos.machined.state_socket import FullAccess
    from talos.state import InMemoryState, Resource
    from talos.state.socket import StateSocket
    from tests.conformance.specs import ResultSpec, ThingSpec

    async def main(path, value):
        store = InMemoryState()
        await store.create(Resource.new(ThingSpec, "a", ThingSpec(value=value)))
        async with StateSocket(store, path, lambda uid: FullAccess()):
            await store.wait_for(ResultSpec, "a", lambda r: r.spec.total == 2 * value)
            print("doubled", flush=True)
            await asyncio.Event().wait()

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_controllers_survive_a_killed_server(tmp_path: Path) -> None:
    path = tmp_path / "state.sock"
    async with RemoteState(path) as state, ControllerRuntime(state, [Doubler]), asyncio.timeout(30):
        for value in (4, 5):
            server = await asyncio.create_subprocess_exec(
                sys.executable, "-c", textwrap.dedent(SERVER), str(path), str(value),
                stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )  # fmt: skip
            try:
                assert server.stdout is not None
                assert await server.stdout.readline() == b"doubled\n"
            finally:
                server.send_signal(signal.SIGKILL)
                await server.wait()


class OnlyThings:
    """An access that a test can read."""

    def read(self, kind: type[Spec], namespace: str) -> None:
        if kind is not ThingSpec:
            raise AccessError("only things")

    def write(self, kind: type[Spec], namespace: str, owner: str) -> None:
        if kind is not ThingSpec or owner != "me":
            raise AccessError("only my things")

    def hold(self, kind: type[Spec], namespace: str) -> None:
        if kind is not ThingSpec:
            raise AccessError("only things")


async def test_access_is_decided_by_the_user_id_that_the_kernel_reports(tmp_path: Path) -> None:
    seen: list[int] = []

    def of(uid: int) -> OnlyThings:
        seen.append(uid)
        return OnlyThings()

    path, store = tmp_path / "state.sock", InMemoryState()
    thing = await store.create(Resource.new(ThingSpec, "theirs"), owner="them")
    async with StateSocket(store, path, of), RemoteState(path) as state:
        for refused in (
            state.get(SecretSpec, "s"), state.list(SecretSpec), state.create(Resource.new(SecretSpec, "s")),
            state.create(Resource.new(ThingSpec, "t"), owner="them"), state.destroy(ThingSpec, "theirs", owner="them"),
        ):  # fmt: skip
            with pytest.raises(AccessError, match="only"):
                await refused
        with pytest.raises(AccessError):
            async with state.watch(SecretSpec) as events:
                await anext(events)
        await state.create(Resource.new(ThingSpec, "mine"), owner="me")
        # a finalizer is the right of whoever may hold, the rest of the resource is not
        held = await state.add_finalizer(thing, "me")
        assert held.md.finalizers == ["me"]
        held.spec.value, held.md.finalizers = 9, []
        with pytest.raises(AccessError):
            await state.update(held, owner="them")
    assert set(seen) == {os.getuid()}
    assert [r.id for r in await store.list(ThingSpec)] == ["mine", "theirs"]


def test_services_may_do_what_they_declare_and_pods_nothing() -> None:
    from talos.resources.secrets import APICertsSpec, OSRootSpec

    assert isinstance(access_of(0), FullAccess)
    assert isinstance(access_of(65534), NoAccess)
    apid = access_of(50)
    assert isinstance(apid, ProcessAccess)
    apid.read(APICertsSpec, "secrets")
    attempts: tuple[Callable[[], None], ...] = (
        lambda: apid.read(OSRootSpec, "secrets"), lambda: apid.read(APICertsSpec, "runtime"),
        lambda: apid.write(APICertsSpec, "secrets", "secrets.APIController"),
        lambda: apid.hold(APICertsSpec, "secrets"), lambda: access_of(65534).read(APICertsSpec, "secrets"),
    )  # fmt: skip
    for forbidden in attempts:
        with pytest.raises(AccessError):
            forbidden()


def test_users_are_those_that_the_zygote_gives_its_services() -> None:
    assert {service.uid: service.name for service in SERVICES if service.uid} == USERS


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_networkd_as_its_own_user_reaches_its_types_and_no_secret() -> None:
    from talos.resources.network import NodeAddressSpec
    from talos.resources.secrets import OSRootSpec

    async def as_networkd(path: Path) -> bool:
        async with RemoteState(path) as state, asyncio.timeout(20):
            await state.ready()
            refused = 0
            for attempt in (
                state.list(OSRootSpec),
                state.create(Resource.new(OSRootSpec, "os")),
                state.create(Resource.new(NodeAddressSpec, "x"), owner="somebody else"),
            ):
                try:
                    await attempt
                except AccessError:
                    refused += 1
            return refused == 3 and await state.list(NodeAddressSpec) == []

    async def serve_until_it_ends(path: Path, pid: int) -> int:
        async with StateSocket(InMemoryState(), path, access_of):
            _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        return os.waitstatus_to_exitcode(status)

    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        folder.chmod(0o755)
        pid = os.fork()
        if pid == 0:
            code = 2
            try:
                os.setgroups([])
                os.setgid(52)
                os.setuid(52)
                code = 0 if asyncio.run(as_networkd(folder / "state.sock")) else 1
            finally:
                os._exit(code)
        assert asyncio.run(serve_until_it_ends(folder / "state.sock", pid)) == 0

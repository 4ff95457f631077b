"""What machined imports late: nothing is missing in the end; a call for a part of it waits instead of failing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.empty_pb2 import Empty
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.server import Server

from talos import rbac
from talos.api import machine_pb2
from talos.environment import NodeEnvironment
from talos.machined import rest, rpc
from talos.machined.node import Node
from talos.machined.rest import EARLY_CONTROLLERS, EARLY_HANDLERS, Rest
from talos.state.controller_runtime import ControllerRuntime
from talos.state.discovery import discover, in_modules, modules
from talos.state.inmemory import InMemoryState

NodeFactory = Callable[..., Node]
HALF = """
import sys
from talos.machined import main, rpc
early = set(sys.modules)
for name in ("talos.machined.api.files", "talos.controllers.k8s.manifest", "talos.resources.storage"):
    print(name in early)
"""


def runtime(tmp_path: Path) -> ControllerRuntime:
    env = NodeEnvironment(root=tmp_path)
    return ControllerRuntime(InMemoryState(env.clock), in_modules(EARLY_CONTROLLERS, rest.PROCESS), env)


def test_the_names_of_what_comes_first_exist() -> None:
    assert set(EARLY_CONTROLLERS) <= set(modules("talos.controllers"))
    assert set(EARLY_HANDLERS) <= set(rpc.handler_modules())


def test_a_start_does_without_the_rest() -> None:
    done = subprocess.run([sys.executable, "-c", HALF], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


async def test_in_the_end_every_controller_runs_and_every_handler_is_there(
    make_node: NodeFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controllers = runtime(tmp_path)
    started: list[str] = []
    controllers.start = lambda: started.extend(c.name for c in controllers.controllers)  # type: ignore[method-assign]
    later = Rest([type(c) for c in controllers.controllers])
    monkeypatch.setattr(rest, "HEAD_START_S", 0.0)
    await asyncio.wait_for(later.run(controllers._state, controllers, rpc.MachineApi(make_node(), rbac.allowed)), 60)
    built_in = [c.name for package in rest.PACKAGES for c in discover(package, rest.PROCESS)]
    assert sorted(started) == sorted(built_in)
    assert set(rpc.handler_modules()) - set(EARLY_HANDLERS) <= set(sys.modules)


async def test_a_call_for_a_handler_that_is_not_there_yet_waits_for_it(
    make_node: NodeFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/machine.MachineService/Hostname"
    rpc.load_handlers()
    method = rpc._methods[path]
    monkeypatch.delitem(rpc._methods, path)
    asked = asyncio.Event()
    there = asyncio.Event()

    async def complete() -> None:
        asked.set()
        await there.wait()
        rpc._methods[path] = method

    server = Server([rpc.MachineApi(make_node(), rbac.allowed, complete=complete)])
    await server.start(path=str(tmp_path / "api.sock"))
    channel = Channel(path=str(tmp_path / "api.sock"))
    try:
        call = UnaryUnaryMethod(channel, path, Empty, machine_pb2.HostnameResponse)
        answer = asyncio.ensure_future(call(Empty(), metadata=[(rpc.ROLE_KEY, rbac.READER)], timeout=20))
        await asyncio.wait_for(asked.wait(), 20)
        assert not answer.done()
        there.set()
        assert (await answer).messages[0].hostname
    finally:
        channel.close()
        server.close()
        await server.wait_closed()


async def test_a_module_that_cannot_be_imported_is_not_left_out(
    make_node: NodeFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = Rest([])
    later._controllers.append("talos.controllers.no_such_module")
    monkeypatch.setattr(rest, "HEAD_START_S", 0.0)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        await asyncio.wait_for(
            later.run((running := runtime(tmp_path))._state, running, rpc.MachineApi(make_node(), rbac.allowed)), 60
        )


def test_a_type_of_a_domain_that_nobody_imported_is_found() -> None:
    program = """
import sys
from talos import resources
from talos.state.spec import kind_of, registered
assert "talos.resources.storage" not in sys.modules
print(kind_of("Disks.block.talos.dev").__module__)
print(len(list(registered())) > 200, all(f"talos.resources.{name}" in sys.modules for name in resources.DOMAINS))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["talos.resources.block.disk", "True", "True"], done.stdout

"""Two nodes that share an address, each with its controller on a state of its own, and one real etcd between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.controllers.conftest import configuration
from tests.unit.etcd.real_etcd import PROGRAM, member

from talos.config.view.model import VirtualIP
from talos.controllers.etcd import member as etcd_member
from talos.controllers.machine_config import ACTIVE
from talos.controllers.network import vip_operator
from talos.controllers.network.layers import CONFIG_NAMESPACE
from talos.controllers.network.operator_config import operator_id, shared
from talos.controllers.network.vip_operator import VIPOperatorController
from talos.environment import NodeEnvironment
from talos.etcd import election
from talos.etcd.client import EtcdClient
from talos.resources.config import MachineConfigSpec
from talos.resources.etcd import MemberSpec, SpecSpec
from talos.resources.network import AddressSpecSpec, OperatorSpecSpec
from talos.state import ControllerRuntime, InMemoryState

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="needs _out/components/node: make components"),
]
OPERATOR = shared(VirtualIP("10.9.0.50", "eth0"))
ADDRESS = "vip/eth0/10.9.0.50/operator/eth0/10.9.0.50/32"


class Node:
    """A control plane node; `able` says whether its Kubernetes API answers."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.state = name, InMemoryState()
        self.runtime = ControllerRuntime(self.state, [VIPOperatorController], NodeEnvironment("container", root=root))

    async def prepare(self) -> None:
        text = configuration().encode()
        await self.state.modify(MachineConfigSpec, ACTIVE, lambda _: MachineConfigSpec(text=text))
        await self.state.modify(OperatorSpecSpec, operator_id(OPERATOR), lambda _: OPERATOR)
        await self.state.modify(SpecSpec, "etcd", lambda _: SpecSpec(name=self.name))
        await self.state.modify(MemberSpec, "local", lambda _: MemberSpec(member_id="1"))

    async def holds(self) -> bool:
        found = await self.state.list(AddressSpecSpec, namespace=CONFIG_NAMESPACE)
        assert all(resource.id == ADDRESS and resource.spec.announce_with_arp for resource in found)
        return bool(found)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Node, Node]]:
    monkeypatch.setattr(election, "STEP_S", 0.1)
    async with member(tmp_path, tmp_path / "data") as etcd:

        async def client(_rt: object, _endpoints: list[str]) -> EtcdClient:
            made = EtcdClient.__new__(EtcdClient)  # at the port of this test, with its certificates
            made.__dict__.update(vars(etcd), _channels={})
            return made

        monkeypatch.setattr(etcd_member, "client_of", client)
        yield Node("one", tmp_path), Node("two", tmp_path)


async def test_one_has_it_and_the_other_takes_over(nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = nodes
    ports: list[int] = []

    async def answers(port: int) -> bool:
        ports.append(port)
        return True

    monkeypatch.setattr(vip_operator, "_answers", answers)
    await one.prepare()
    await two.prepare()
    async with two.runtime, one.runtime:
        await until(two.holds if await two.holds() else lambda: _either(one, two))
        holder, other = (one, two) if await one.holds() else (two, one)
        await asyncio.sleep(0.5)
        assert not await other.holds()
        # etcd of the holder is gone, or its document: it stands no more.
        await holder.state.destroy(OperatorSpecSpec, operator_id(OPERATOR))
        await until(other.holds)
        assert not await holder.holds()
        await other.state.destroy(MemberSpec, "local")
        await until(lambda: _none(one, two))
    assert set(ports) == {6443}


async def test_without_an_api_server_nobody_stands(nodes: tuple[Node, Node]) -> None:
    one, _ = nodes
    with contextlib.suppress(OSError):
        if await vip_operator._answers(6443):
            pytest.skip("something listens on port 6443 of this machine")
    await one.prepare()
    async with one.runtime:
        await asyncio.sleep(0.5)
        assert not await one.holds()
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 6443)
        await until(one.holds)
        server.close()
        await server.wait_closed()
        await until(lambda: _none(one))


async def _either(*nodes: Node) -> bool:
    return any([await node.holds() for node in nodes])


async def _none(*nodes: Node) -> bool:
    return not await _either(*nodes)

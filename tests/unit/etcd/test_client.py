"""The client against a real etcd, where the components are built."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from grpclib import GRPCError, Status

from talos.etcd.client import EtcdClient, EtcdUnavailableError
from talos.etcd.lock import lock

from .real_etcd import PROGRAM, member

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="needs _out/components/node: make components"),
]


@pytest.fixture
async def etcd(tmp_path: Path) -> AsyncIterator[EtcdClient]:
    """A member of its own with mutual TLS, as on a node."""
    async with member(tmp_path, tmp_path / "data") as client:
        yield client


async def test_members_status_and_maintenance(etcd: EtcdClient) -> None:
    status = await etcd.status()
    members = await etcd.members()
    assert [(m.name, m.id) for m in members] == [("n1", status.header.member_id)]
    assert await etcd.alarms() == []
    await etcd.defragment()
    snapshot = b"".join([chunk async for chunk in etcd.snapshot()])
    assert len(snapshot) > 16384


async def test_a_member_is_added_as_learner_and_removed(etcd: EtcdClient) -> None:
    added = await etcd.add_member(["https://127.0.0.1:1"], learner=True)
    assert added.member.is_learner
    with pytest.raises(GRPCError) as refused:
        await etcd.promote_member(added.member.id)
    assert refused.value.status is Status.FAILED_PRECONDITION
    await etcd.remove_member(added.member.id)
    with pytest.raises(GRPCError) as missing:
        await etcd.remove_member(added.member.id)
    assert missing.value.status is Status.NOT_FOUND
    assert missing.value.message == "etcdserver: member not found"


async def test_keys(etcd: EtcdClient) -> None:
    assert await etcd.get("k") is None
    await etcd.put("k", b"v")
    assert await etcd.get("k") == b"v"


async def test_lock_is_held_by_one_and_given_up(etcd: EtcdClient) -> None:
    order: list[str] = []

    async def hold(name: str) -> None:
        async with lock(etcd, "mutex", name):
            order.append(f"+{name}")
            await asyncio.sleep(0.1)
            order.append(f"-{name}")

    await asyncio.gather(hold("a"), hold("b"))
    assert order in (["+a", "-a", "+b", "-b"], ["+b", "-b", "+a", "-a"])
    assert await etcd.get("mutex") is None


async def test_an_endpoint_that_does_not_answer_is_passed_over(etcd: EtcdClient) -> None:
    etcd.endpoints.insert(0, "127.0.0.9")
    assert (await etcd.status()).leader


async def test_nobody_answers(etcd: EtcdClient) -> None:
    etcd.endpoints[:] = ["127.0.0.9"]
    with pytest.raises(EtcdUnavailableError, match=r"127\.0\.0\.9"):
        await etcd.status()

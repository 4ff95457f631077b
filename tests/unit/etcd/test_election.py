"""Who holds: one at a time, without a gap over a restart of the holder's process, never two."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talos.api import etcd_pb2 as pb
from talos.etcd import election
from talos.etcd.client import EtcdClient
from talos.state.clock import LoopClock

from .real_etcd import PROGRAM, member

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="needs _out/components/node: make components"),
]


@pytest.fixture
async def etcd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EtcdClient]:
    monkeypatch.setattr(election, "STEP_S", 0.1)
    async with member(tmp_path, tmp_path / "data") as client:
        yield client


class Candidate:
    """Stands for election until told otherwise."""

    def __init__(self, etcd: EtcdClient, name: str) -> None:
        self.name, self.able, self.holds = name, True, False
        self.history: list[bool] = []
        self._etcd, self.terms = etcd, 0
        self._task = asyncio.create_task(
            election.stand(self._connect, "talos:v1:test", name, self._changed, self._is_able, LoopClock())
        )

    async def _connect(self) -> EtcdClient | None:
        """Another client each time, as with other certificates; the first time there are none yet."""
        self.terms += 1
        if self.terms == 1:
            return None
        made = EtcdClient.__new__(EtcdClient)
        made.__dict__.update(vars(self._etcd), _channels={})
        return made

    def _changed(self, elected: bool) -> None:
        self.holds = elected
        self.history.append(elected)

    async def _is_able(self) -> bool:
        return self.able

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def until(condition: object) -> None:
    async with asyncio.timeout(30):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_one_holds_and_the_next_takes_over_at_once_when_it_stops(etcd: EtcdClient) -> None:
    one = Candidate(etcd, "one")
    await until(lambda: one.holds)
    two = Candidate(etcd, "two")
    await asyncio.sleep(0.5)
    assert one.holds and not two.history
    await one.stop()
    assert one.history == [True, False]
    await until(lambda: two.holds)
    await two.stop()


async def test_who_is_not_able_gives_it_up(etcd: EtcdClient) -> None:
    one = Candidate(etcd, "one")
    await until(lambda: one.holds)
    two = Candidate(etcd, "two")
    one.able = False
    await until(lambda: two.holds)
    assert one.history == [True, False]
    await one.stop()
    await two.stop()


async def test_a_holder_that_starts_anew_goes_on(etcd: EtcdClient) -> None:
    """Its process died without giving up the lease."""
    lease = await etcd.grant_lease(election.TTL_S)
    await etcd.put("talos:v1:test", b"one", lease=lease)
    other, one = Candidate(etcd, "two"), Candidate(etcd, "one")
    await until(lambda: one.holds)
    await etcd.revoke_lease(lease)  # the old one ends: the key stays, it is the new lease's
    await asyncio.sleep(0.5)
    assert one.holds and not other.history
    await one.stop()
    await other.stop()


async def test_a_lost_lease_is_said(etcd: EtcdClient) -> None:
    one = Candidate(etcd, "one")
    await until(lambda: one.holds)
    response = await etcd._call("KV/Range", pb.RangeRequest(key=b"talos:v1:test"), pb.RangeResponse)
    await etcd.revoke_lease(response.kvs[0].lease)
    await until(lambda: one.history[:2] == [True, False])
    await until(lambda: one.holds)
    assert one.terms == 3
    await one.stop()

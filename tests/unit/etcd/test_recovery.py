"""A member out of a snapshot: what is refused before anything starts, and the real restore into a real etcd."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from talos.environment import NodeEnvironment
from talos.etcd import recovery
from talos.etcd.membership import has_data

from .real_etcd import PROGRAM, etcd_program, member

needs_etcd = pytest.mark.skipif(not PROGRAM.exists(), reason="needs _out/components/node: make components")
DATABASE = bytes(range(256)) * 8


def environment(root: Path) -> NodeEnvironment:
    (root / "var/lib/etcd").mkdir(parents=True)
    return NodeEnvironment(platform="container", variables={}, root=root)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "0 bytes"),
        (DATABASE, "no hash"),
        (DATABASE + hashlib.sha256(DATABASE).digest()[:-1], "no hash"),
        (DATABASE[1:] + b"x" + hashlib.sha256(DATABASE).digest(), "damaged"),
        (DATABASE[:-512] + hashlib.sha256(DATABASE).digest(), "damaged"),
    ],
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "db").write_bytes(content)
    with pytest.raises(recovery.SnapshotError, match=says):
        recovery.check(tmp_path / "db")


def test_a_copy_of_a_database_needs_the_persons_word(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(DATABASE)
    recovery.check(tmp_path / "db", skip_hash_check=True)
    (tmp_path / "db").write_bytes(DATABASE + hashlib.sha256(DATABASE).digest())
    recovery.check(tmp_path / "db")


async def restore(env: NodeEnvironment, *, skip_hash_check: bool = False, urls: str) -> tuple[int, str]:
    recovery.clear(env)
    arguments = recovery.restore_arguments(env, "n1", ["127.0.0.1"], skip_hash_check=skip_hash_check)
    arguments = [f"--initial-advertise-peer-urls={urls}" if "peer-urls" in a else a for a in arguments]
    process = await asyncio.create_subprocess_exec(etcd_program(env.root), *arguments, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    return int(process.returncode or 0), errors.decode()


@pytest.mark.slow
@needs_etcd
async def test_a_restored_member_has_the_keys_and_is_another_cluster(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    async with member(tmp_path / "old", tmp_path / "old/data") as etcd:
        await etcd.put("kept", b"value")
        snapshot = b"".join([chunk async for chunk in etcd.snapshot()])
        await etcd.put("later", b"not in it")
        old = (await etcd.status()).header.cluster_id
    env = environment(tmp_path / "node")
    # what an attempt left that a power cut ended
    (env.path("/var/lib/etcd") / recovery.PARTIAL / "member").mkdir(parents=True)
    env.path(recovery.SNAPSHOT_PATH).write_bytes(snapshot)
    recovery.check(env.path(recovery.SNAPSHOT_PATH))
    assert not has_data(env)
    code, errors = await restore(env, urls="https://127.0.0.1:2380")
    assert code == 0, errors
    assert not has_data(env), "a member only once all of it is there"
    recovery.adopt(env)
    assert has_data(env)
    assert not env.path(recovery.SNAPSHOT_PATH).exists(), "it holds the cluster's secrets"
    assert [entry.name for entry in env.path("/var/lib/etcd").iterdir()] == ["member"]
    async with member(env.root, env.path("/var/lib/etcd"), founds=False) as etcd:
        assert (await etcd.get("kept"), await etcd.get("later")) == (b"value", None)
        assert (await etcd.status()).header.cluster_id != old
        assert [m.name for m in await etcd.members()] == ["n1"]


@pytest.mark.slow
@needs_etcd
async def test_etcd_itself_refuses_a_damaged_snapshot(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    async with member(tmp_path / "old", tmp_path / "old/data") as etcd:
        snapshot = bytearray(b"".join([chunk async for chunk in etcd.snapshot()]))
    snapshot[9000] ^= 1
    env = environment(tmp_path / "node")
    env.path(recovery.SNAPSHOT_PATH).write_bytes(snapshot)
    code, errors = await restore(env, urls="https://127.0.0.1:2380")
    assert code == 1 and "expected sha256" in errors
    env.path(recovery.SNAPSHOT_PATH).write_bytes(snapshot[:-32])
    code, errors = await restore(env, urls="https://127.0.0.1:2380")
    assert code == 1 and "missing hash" in errors

"""talosctl etcd snapshot: the file is whole, checked, and its owner's alone."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talos.api import common_pb2
from talos.talosctl.bolt import BoltError, Database
from talos.talosctl.etcd_snapshot import Status
from talos.talosctl.etcd_snapshot import _status as status_of
from talos.talosctl.main import run
from talos.talosctl.session import Session

# Written by etcd 3.7: 120 keys, three of them deleted, one of these written again; the figures are etcdutl's.
SNAPSHOT = gzip.decompress(Path(__file__).with_name("etcd-snapshot.db.gz").read_bytes())
PAGES = SNAPSHOT[:-32]
STATUS = Status(0xB595F7BC, 125, 118, 53248)


def answer(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    async def stream(*_arguments: Any) -> AsyncIterator[common_pb2.Data]:
        for at in range(0, len(data), 1000):
            yield common_pb2.Data(bytes=data[at : at + 1000])

    def run_it(_session: Session, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(work())

    monkeypatch.setattr(Session, "targets", lambda _session, **_: ("node",))
    monkeypatch.setattr(Session, "stream", stream)
    monkeypatch.setattr(Session, "run", run_it)


def test_a_snapshot_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds every secret of the cluster."""
    answer(monkeypatch, SNAPSHOT)
    file = tmp_path / "db"
    assert run(["etcd", "snapshot", str(file)]) == 0
    assert file.read_bytes() == SNAPSHOT
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_figures_are_those_of_etcdutl() -> None:
    assert status_of(Database(memoryview(PAGES))) == STATUS


def test_what_it_holds_is_told_as_etcds_own_tool_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, SNAPSHOT)
    file = tmp_path / "db"
    assert run(["etcd", "snapshot", str(file)]) == 0
    assert capsys.readouterr().out == (
        f'etcd snapshot saved to "{file}" (53280 bytes)\n'
        "snapshot info: hash b595f7bc, revision 125, total keys 118, total size 53248\n"
    )


@given(at=st.integers(0, len(PAGES) - 1), byte=st.integers(1, 255), cut=st.integers(1, len(PAGES)))
@settings(max_examples=300)
def test_a_foreign_file_is_read_or_refused(at: int, byte: int, cut: int) -> None:
    data = bytearray(PAGES[:cut])
    data[at % cut] ^= byte
    try:
        status_of(Database(memoryview(bytes(data))))
    except BoltError as error:
        assert str(error)


def test_a_tree_that_is_its_own_branch_is_refused() -> None:
    data = bytearray(PAGES)
    root = Database(memoryview(PAGES))._root * 4096
    data[root + 8 : root + 16] = (1).to_bytes(2, "little") + (1).to_bytes(2, "little") + bytes(4)  # a branch of one
    data[root + 16 : root + 32] = bytes(8) + (root // 4096).to_bytes(8, "little")
    with pytest.raises(BoltError, match="part of its own tree"):
        status_of(Database(memoryview(bytes(data))))


NO_DATABASE = bytes(4096)


@pytest.mark.parametrize(
    "damage",
    [
        PAGES,
        PAGES + bytes(32),
        PAGES[:-1] + hashlib.sha256(PAGES).digest(),
        NO_DATABASE + hashlib.sha256(NO_DATABASE).digest(),
    ],
)
def test_a_damaged_one_is_refused_and_the_old_file_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    answer(monkeypatch, damage)
    file = tmp_path / "db"
    file.write_bytes(b"old")
    assert run(["etcd", "snapshot", str(file)]) == 1
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]

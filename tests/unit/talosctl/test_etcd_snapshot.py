"""talosctl etcd snapshot: the file is whole, checked, and its owner's alone."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from talos.api import common_pb2
from talos.talosctl.main import run
from talos.talosctl.session import Session

PAGES = os.urandom(4096)


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
    answer(monkeypatch, PAGES + hashlib.sha256(PAGES).digest())
    file = tmp_path / "db"
    assert run(["etcd", "snapshot", str(file)]) == 0
    assert file.read_bytes()[:4096] == PAGES
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [PAGES, PAGES + bytes(32), PAGES[:-1] + hashlib.sha256(PAGES).digest()])
def test_a_damaged_one_is_refused_and_the_old_file_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    answer(monkeypatch, damage)
    file = tmp_path / "db"
    file.write_bytes(b"old")
    assert run(["etcd", "snapshot", str(file)]) == 1
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]

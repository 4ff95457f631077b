"""The log on disk: nothing is lost by a kill, a torn line, a full disk, a restart; tampering is noticed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talos.audit.chain import Head, unseal
from talos.audit.verify import Verifier
from talos.linux.mount import mount, umount
from talos.machined.audit import files, log
from talos.machined.audit.log import AuditLog


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "audit"


def opened(folder: Path) -> AuditLog:
    """The log as a machined that has just been started sees it."""
    return AuditLog(folder, folder.parent / "state/head.json")


def call(number: int) -> dict[str, Any]:
    return {"event": "call", "number": number}


def verified(folder: Path, **anchors: Head) -> Verifier:
    verifier = Verifier(anchors)
    for path in files.files(folder):
        for line in path.read_bytes().splitlines():
            verifier.feed(line)
    verifier.end()
    return verifier


def records(folder: Path) -> list[dict[str, Any]]:
    lines = b"".join(path.read_bytes() for path in files.files(folder)).splitlines()
    return [json.loads(line) for line in lines]


def numbers(folder: Path) -> list[int]:
    return [record["number"] for record in records(folder) if record["event"] == "call"]


def events(folder: Path) -> list[str]:
    return [record["event"] for record in records(folder) if record["event"] != "call"]


def test_records_are_in_the_file_when_append_returns(folder: Path) -> None:
    audit = opened(folder)
    audit.append(call(1))
    assert numbers(folder) == [1]
    assert verified(folder, head=audit.head).broken == ""
    assert (folder / files.CURRENT).stat().st_mode & 0o777 == 0o600


def test_a_restart_goes_on_with_the_chain(folder: Path) -> None:
    for number in range(3):
        opened(folder).append(call(number))
    assert numbers(folder) == [0, 1, 2]
    assert events(folder) == ["begun", "resumed", "resumed"]
    assert verified(folder).broken == ""


@pytest.mark.slow
def test_killed_at_any_moment_nothing_acknowledged_is_lost(folder: Path) -> None:
    program = (
        "import sys, pathlib; from talos.machined.audit.log import AuditLog\n"
        "folder = pathlib.Path(sys.argv[1]); log = AuditLog(folder, folder.parent / 'state/head.json')\n"
        "for n in range(int(sys.argv[2]), 1 << 30):\n"
        "    log.append({'event': 'call', 'number': n, 'text': 'x' * (n * 37 % 3000)}); print(n, flush=True)\n"
    )
    acknowledged = -1
    for _ in range(5):
        arguments = [sys.executable, "-c", program, str(folder), str(acknowledged + 1)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(400):
                acknowledged = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split("\n")[:-1]
            acknowledged = int(rest[-1]) if rest else acknowledged
    opened(folder).append(call(-1))
    kept = numbers(folder)
    assert set(range(acknowledged + 1)) <= set(kept)
    assert verified(folder).broken == ""


@given(torn=st.integers(1, 400))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_torn_last_line_is_removed_and_said(tmp_path_factory: pytest.TempPathFactory, torn: int) -> None:
    folder = tmp_path_factory.mktemp("log") / "audit"
    audit = opened(folder)
    for number in range(3):
        audit.append(call(number))
    path = folder / files.CURRENT
    last = len(path.read_bytes().splitlines()[-1])
    cut = min(torn, last)
    os.truncate(path, path.stat().st_size - cut)
    opened(folder).append(call(9))
    # without its newline alone the line is whole: it stays
    assert numbers(folder) == ([0, 1, 2, 9] if cut == 1 else [0, 1, 9])
    assert ("torn" in events(folder)) == (1 < cut < last + 1 and cut != last + 1)
    assert verified(folder).broken == ""


@pytest.mark.parametrize("tail", [b"\0" * 100, b"\0" * 200_000, b'{"seq":', b"\xff" * 70_000])
def test_what_a_power_cut_leaves_behind_is_removed(folder: Path, tail: bytes) -> None:
    opened(folder).append(call(1))
    with (folder / files.CURRENT).open("ab") as file:
        file.write(tail)
    opened(folder).append(call(2))
    assert numbers(folder) == [1, 2]
    assert events(folder) == ["begun", "torn", "resumed"]
    assert verified(folder).broken == ""


def test_a_full_disk_costs_the_reserve_then_memory_and_nothing_else(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(log, "RESERVE_BYTES", 8 << 10)
    folder = tiny_disk / "audit"
    audit = AuditLog(folder, tmp_path / "head.json")
    audit.append(call(0))
    ballast = tiny_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        while True:
            file.write(b"x" * 4096)
    assert (folder / files.RESERVE).exists()
    for number in range(1, 200):
        audit.append(call(number))
    assert not (folder / files.RESERVE).exists()
    written = numbers(folder)
    assert 20 < len(written) < 200
    assert written == list(range(len(written)))
    assert verified(folder, head=audit.head).broken == ""
    ballast.unlink()
    assert audit.flush()
    assert numbers(folder) == list(range(200))
    assert verified(folder, head=audit.head).broken == ""


def test_what_memory_does_not_hold_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_WAITING", 5)
    there = False
    audit = AuditLog(folder, folder.parent / "head.json", ready=lambda: there)
    for number in range(8):
        audit.append(call(number))
    assert not folder.exists()
    there = True
    assert audit.flush()
    assert numbers(folder) == [0, 1, 2, 3, 4]
    assert [record["records"] for record in records(folder) if record["event"] == "lost"] == [3]


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FILE_BYTES", 2000)
    monkeypatch.setattr(log, "KEEP_BYTES", 8000)
    monkeypatch.setattr(log, "BATCH_BYTES", 500)


def test_rotation_keeps_the_chain_across_files_and_removal_provable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    audit = opened(folder)
    for number in range(150):
        audit.append(call(number))
        if number % 40 == 39:
            audit = opened(folder)
    found = numbers(folder)
    assert found == list(range(found[0], 150)) and found[0] > 0
    assert 3 <= len(files.files(folder)) <= 6
    assert sum(path.stat().st_size for path in files.files(folder)) < 10_000
    assert verified(folder, head=audit.head).broken == ""
    # the same with a file fewer than the node removed itself
    files.closed(folder)[0].unlink()
    assert "no record says" in verified(folder).broken


def test_a_removed_file_in_the_middle_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    monkeypatch.setattr(log, "KEEP_BYTES", 1 << 20)
    audit = opened(folder)
    for number in range(60):
        audit.append(call(number))
    assert len(files.closed(folder)) > 2
    files.closed(folder)[1].unlink()
    assert "is missing" in verified(folder).broken


async def test_records_cut_off_while_machined_was_down_are_noticed_by_the_kept_head(folder: Path) -> None:
    audit = opened(folder)
    for number in range(5):
        audit.append(call(number))
    await audit.keep_head()
    path = folder / files.CURRENT
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    assert verified(folder).broken == ""  # alone the file cannot tell
    again = opened(folder)
    again.append(call(9))
    assert events(folder) == ["begun", "truncated", "resumed"]
    assert f"instead of {audit.head}" in verified(folder).broken


async def test_an_emptied_log_goes_on_behind_the_kept_head_and_says_so(folder: Path) -> None:
    audit = opened(folder)
    audit.append(call(1))
    await audit.keep_head()
    for path in files.files(folder):
        path.unlink()
    opened(folder).append(call(2))
    first = unseal((folder / files.CURRENT).read_bytes().splitlines()[0])
    assert first.head.seq == audit.head.seq + 1 and first.prev == audit.head.hash
    assert "record 2: it is missing" in verified(folder).broken


def test_records_cut_off_while_machined_runs_are_noticed_at_the_next_one(folder: Path) -> None:
    audit = opened(folder)
    for number in range(3):
        audit.append(call(number))
    expected = audit.head
    lines = (folder / files.CURRENT).read_bytes().splitlines(keepends=True)
    (folder / files.CURRENT).write_bytes(b"".join(lines[:-1]))
    audit.append(call(3))
    assert "truncated" in events(folder)
    assert f"instead of {expected}" in verified(folder).broken


def test_below_an_unmounted_file_system_nothing_is_written(tiny_disk: Path, tmp_path: Path) -> None:
    folder = tiny_disk / "audit"
    audit = AuditLog(folder, tmp_path / "head.json")
    audit.append(call(1))
    head = audit.head
    umount(tiny_disk)
    try:
        audit.append(call(2))
        assert not folder.exists() and audit.head == head
    finally:
        mount("tmpfs", tiny_disk, "tmpfs", 0, "size=64k")


async def test_whoever_finds_a_sync_under_way_waits_for_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = opened(folder)
    ended = threading.Event()
    monkeypatch.setattr(audit, "_sync", lambda: ended.wait(5))
    audit.append(call(1))
    first, second = asyncio.create_task(audit.synced()), asyncio.create_task(audit.synced())
    await asyncio.sleep(0.05)
    assert not first.done() and not second.done()
    ended.set()
    await asyncio.gather(first, second)


def test_a_link_in_place_of_the_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    target = tmp_path / "target"
    (folder / files.CURRENT).symlink_to(target)
    audit = opened(folder)
    audit.append(call(1))
    assert not target.exists()
    (folder / files.CURRENT).unlink()
    assert audit.flush()
    assert numbers(folder) == [1]


async def test_an_unreadable_kept_head_stops_nothing(folder: Path) -> None:
    (folder.parent / "state/head.json").write_text("{")
    audit = opened(folder)
    audit.append(call(1))
    assert numbers(folder) == [1]
    await audit.keep_head()
    assert json.loads((folder.parent / "state/head.json").read_text()) == {"seq": 2, "hash": audit.head.hash}


@given(st.lists(st.sampled_from(["append", "restart", "tear", "many"]), max_size=25))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # it writes files
def test_whatever_happens_in_whatever_order_the_chain_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("log") / "audit"
    audit, number = opened(folder), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "FILE_BYTES", 1500)
        patch.setattr(log, "KEEP_BYTES", 1 << 20)
        for step in steps:
            match step:
                case "append" | "many":
                    for _ in range(1 if step == "append" else 7):
                        audit.append(call(number))
                        number += 1
                case "restart":
                    audit = opened(folder)
                case "tear" if folder.exists():
                    with (folder / files.CURRENT).open("ab") as file:
                        file.write(b'{"seq":99,"prev":"')
                    audit = opened(folder)
    assert audit.flush()
    if number:
        opened(folder).append(call(number))
        assert numbers(folder) == list(range(number + 1))
        assert verified(folder).broken == ""

"""Log files: the tail against a model, following across a rotation, ids that cannot leave the folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talos.machined import logs
from talos.machined.logs import LogStore, UnknownLogError, old_path, read_file, rotate_file, tail_offset

lines = st.lists(
    st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), max_size=40), max_size=30
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, st.booleans(), st.integers(-1, 35), st.integers(1, 64))
def test_tail_offset_is_where_the_last_lines_begin(
    tmp_path: Path, texts: list[str], ended: bool, wanted: int, chunk: int
) -> None:
    data = "\n".join(texts).encode() + (b"\n" if ended and texts else b"")
    path = tmp_path / "x.log"
    path.write_bytes(data)
    monkey = pytest.MonkeyPatch()
    monkey.setattr(logs, "CHUNK", chunk)
    try:
        offset = tail_offset(path, wanted)
    finally:
        monkey.undo()
    all_lines = data.splitlines(keepends=True) if b"\r" not in data else _split(data)
    expected = data if wanted < 0 else b"".join(all_lines[max(0, len(all_lines) - wanted) :] if wanted else [])
    assert data[offset:] == expected


def _split(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    found = [part + b"\n" for part in parts[:-1]]
    return found + ([parts[-1]] if parts[-1] else [])


async def collect(path: Path, tail_lines: int) -> bytes:
    return b"".join([chunk async for chunk in read_file(path, follow=False, tail_lines=tail_lines)])


async def test_everything_includes_the_old_generation(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"1\n2\n")
    rotate_file(path)
    path.write_bytes(b"3\n")
    assert path.stat().st_size == 2 and old_path(path).read_bytes() == b"1\n2\n"
    assert await collect(path, -1) == b"1\n2\n3\n"
    assert await collect(path, 2) == b"2\n3\n"
    assert await collect(path, 1) == b"3\n"
    assert await collect(path, 0) == b""


async def test_following_goes_on_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    writer = path.open("ab", buffering=0)
    writer.write(b"before\n")
    reader = read_file(path, follow=True, tail_lines=-1)
    assert await asyncio.wait_for(reader.__anext__(), 5) == b"before\n"
    pending = asyncio.ensure_future(reader.__anext__())
    await asyncio.sleep(0)
    rotate_file(path)
    writer.write(b"a\n")
    assert await asyncio.wait_for(pending, 5) == b"a\n"
    writer.close()
    await reader.aclose()  # type: ignore[attr-defined]


def test_only_what_outgrew_the_threshold_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "THRESHOLD", 10)
    store = LogStore(tmp_path)
    store.path("small").write_text("x")
    store.path("large").write_text("x" * 11)
    store.rotate()
    assert store.path("small").read_text() == "x" and store.path("large").read_text() == ""
    assert old_path(store.path("large")).read_text() == "x" * 11
    assert store.ids() == ["large", "small"]


@pytest.mark.parametrize("id", ["../etc/passwd", "a/b", "", ".hidden", "/x"])
def test_an_id_cannot_leave_the_folder(tmp_path: Path, id: str) -> None:
    with pytest.raises(ValueError, match="not the id of a log"):
        LogStore(tmp_path).path(id)


def test_an_unknown_log_is_named(tmp_path: Path) -> None:
    LogStore(tmp_path).path("etcd").write_text("")
    with pytest.raises(UnknownLogError, match=r'"nosuch" was not registered.*etcd'):
        LogStore(tmp_path).read("nosuch", follow=False, tail_lines=-1)


@pytest.mark.root
def test_a_full_disk_does_not_keep_a_log_from_being_cut(tiny_disk: Path) -> None:
    """Its lines are what fills the disk."""
    path = tiny_disk / "x.log"
    old_path(path).write_bytes(b"o" * 8192)
    path.write_bytes(b"x" * 40960)
    rotate_file(path)
    assert path.stat().st_size == 0
    assert list(tiny_disk.iterdir()) == [path]


def test_the_log_of_cri_is_that_of_its_process(tmp_path: Path) -> None:
    store = LogStore(tmp_path)
    assert store.path("cri") == store.path("containerd")


def test_a_machine_speaks_to_its_screen_and_to_its_serial_line(tmp_path: Path) -> None:
    from talos.machined.logging_setup import other_consoles

    active = tmp_path / "active"
    active.write_text("tty0 ttyS1 ttyS0\n")
    assert other_consoles(active, "metal") == [Path("/dev/tty0"), Path("/dev/ttyS1")]  # PID 1 holds the last one
    assert other_consoles(active, "container") == []
    assert other_consoles(tmp_path / "absent", "metal") == []
    active.write_text("ttyS0\n")
    assert other_consoles(active, "nocloud") == []

"""Copying a cache from a medium: whole, once, and nothing but a cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from talos.imagecache.layout import Cache, CacheError, digest_of
from talos.imagecache.transfer import copy, files

MANIFEST = b'{"config": {}}'


def keep(cache: Cache, text: bytes) -> str:
    digest = digest_of(text)
    cache.keep_blob(digest, [text])
    return digest


@pytest.fixture
def source(tmp_path: Path) -> Cache:
    made = Cache(tmp_path / "source")
    for number in range(5):
        keep(made, b"x" * number)
    made.keep_manifest("registry.example.org:5000", "some/thing", MANIFEST, "1")
    return made


def never() -> bool:
    return False


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in files(root)}


def test_a_copy_is_the_same_and_is_made_once(source: Cache, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    size = sum(len(data) for data in content(source.root).values())
    assert copy(source.root, tmp_path / "target", lambda *sizes: seen.append(sizes), never) == size
    assert content(tmp_path / "target") == content(source.root)
    assert seen[-1] == (size, size) and seen == sorted(seen)
    assert copy(source.root, tmp_path / "target", lambda *_: None, never) == 0


def test_a_tag_that_moved_moves(source: Cache, tmp_path: Path) -> None:
    """Of the same size, which blobs cannot have."""
    copy(source.root, tmp_path / "target", lambda *_: None, never)
    moved = b'{"config": []}'
    source.keep_manifest("registry.example.org:5000", "some/thing", moved, "1")
    copy(source.root, tmp_path / "target", lambda *_: None, never)
    assert Cache(tmp_path / "target").manifest("registry.example.org:5000", "some/thing", "1").read_bytes() == moved


def test_what_is_cut_short_is_made_whole(source: Cache, tmp_path: Path) -> None:
    """A power cut while it was copied: files of the first run may be there in part, none counts as whole."""
    copy(source.root, tmp_path / "target", lambda *_: None, never)
    victim = Cache(tmp_path / "target").blob(digest_of(b"xxxx"))
    victim.write_bytes(b"xx")
    (victim.parent / ".half").write_bytes(b"x")
    assert copy(source.root, tmp_path / "target", lambda *_: None, never) == 4
    assert content(tmp_path / "target") == content(source.root)


def test_it_ends_when_it_is_not_wanted(source: Cache, tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="not wanted"):
        copy(source.root, tmp_path / "target", lambda *_: None, lambda: True)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("where", ["blob", "manifests/registry.example.org_5000/some/thing/digest"])
def test_what_is_not_what_its_digest_says_is_not_taken(source: Cache, tmp_path: Path, where: str) -> None:
    (source.root / where / f"sha256-{'0' * 64}").write_bytes(b"something else")
    with pytest.raises(CacheError, match=r"sha256-0+ is damaged"):
        copy(source.root, tmp_path / "target", lambda *_: None, never)
    assert not (tmp_path / "target" / where / f"sha256-{'0' * 64}").exists()


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "pipe"])
def test_a_medium_leads_nowhere_else(source: Cache, tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("of the node")
    strange = source.root / "blob/strange"
    if kind == "pipe":
        os.mkfifo(strange)
    else:
        strange.symlink_to(tmp_path / ("secret/key" if kind.endswith("file") else "secret"))
    with pytest.raises(CacheError, match="neither a folder nor a file"):
        copy(source.root, tmp_path / "target", lambda *_: None, never)

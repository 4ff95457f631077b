"""A tree takes each path once, with its mode, and counts a hard link as no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from talos.imager.errors import ImageError
from talos.imager.tree import Tree, expand


def test_alternation_is_expanded() -> None:
    assert expand(["a/{x,y}.so*", "b"]) == ["a/x.so*", "a/y.so*", "b"]


def test_files_links_and_parts(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("content")
    tree = Tree(tmp_path / "root")
    tree.file("usr/bin/one", tmp_path / "source", "programs", 0o755)
    tree.link("usr/lib/images/x/rootfs/two", "usr/bin/one")
    tree.symlink("bin", "usr/bin")
    assert tree.by_part() == {"programs": ["usr/bin/one"]}
    assert (tree.root / "usr/bin/one").stat().st_ino == (tree.root / "usr/lib/images/x/rootfs/two").stat().st_ino
    assert (tree.root / "bin/one").stat().st_mode & 0o7777 == 0o755


def test_a_path_added_twice_names_both_parts(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.text("etc/hosts", "", "first")
    with pytest.raises(ImageError, match=r"/etc/hosts.*first.*second"):
        tree.text("etc/hosts", "", "second")


def test_a_missing_source_names_where_it_should_go(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nothing is missing: it should become /usr/bin/x \(part\)"):
        Tree(tmp_path / "root").file("usr/bin/x", tmp_path / "nothing", "part")


def test_digest_sees_names_modes_and_content(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.text("a/file", "one", "part")
    first = tree.digest("a")
    (tree.root / "a/file").chmod(0o600)
    second = tree.digest("a")
    (tree.root / "a/file").write_text("two")
    assert len({first, second, tree.digest("a")}) == 3

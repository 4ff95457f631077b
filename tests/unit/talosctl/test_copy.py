"""What comes out of a node's archive lands in the folder that was named, and nowhere else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from talos.talosctl.copy import unpack


def archive(*members: tuple[str, str, str]) -> tarfile.TarFile:
    """(name, "file", text) or (name, "link", target) or (name, "hard", target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            if kind == "file":
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
            else:
                member.type = tarfile.SYMTYPE if kind == "link" else tarfile.LNKTYPE
                member.linkname = text
                tar.addfile(member)
    out.seek(0)
    return tarfile.open(fileobj=out)


def test_links_that_lead_out_are_made_as_they_are(tmp_path: Path) -> None:
    """/etc/os-release of every node is one: copying it alone, or /etc, works."""
    target = tmp_path / "etc"
    target.mkdir()
    (target / "localtime").write_text("an older copy")
    with archive(
        ("os-release", "link", "../usr/lib/os-release"),
        ("localtime", "link", "/usr/share/zoneinfo/UTC"),
        ("hosts", "file", "127.0.0.1"),
        ("inside", "link", "hosts"),
    ) as tar:
        unpack(tar, target)
    assert (target / "os-release").readlink() == Path("../usr/lib/os-release")
    assert (target / "localtime").readlink() == Path("/usr/share/zoneinfo/UTC")
    assert (target / "inside").read_text() == "127.0.0.1"


@pytest.mark.parametrize("link", ["..", "/", "../outside"])
def test_nothing_is_written_through_one(link: str, tmp_path: Path) -> None:
    target, outside = tmp_path / "to", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()
    with archive(("d", "link", link), ("d/evil", "file", "x")) as tar, pytest.raises(tarfile.TarError):
        unpack(tar, target)
    assert not list(outside.iterdir()) and not (tmp_path / "evil").exists()
    # In two archives, one after the other: the link is there then.
    with archive(("e", "link", link)) as tar:
        unpack(tar, target)
    with archive(("e/evil", "file", "x")) as tar, pytest.raises(tarfile.TarError):
        unpack(tar, target)
    assert not list(outside.iterdir()) and not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["../evil", "/../../evil", "a/../../evil"])
def test_names_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    target = tmp_path / "to"
    target.mkdir()
    for member in ((name, "file", "x"), (name, "link", "/"), (name, "hard", "/etc/passwd")):
        with archive(member) as tar, pytest.raises(tarfile.TarError):
            unpack(tar, target)
    assert not (tmp_path / "evil").exists()

"""The rule that decides which slot boots: against a loader that does what systemd-boot does, from every state that a
power cut can leave."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.slots.entry import SLOTS, Entry, compare_versions, in_order, other, parse
from talos.slots.folder import BOOTS, TRIAL, BootFolder, SlotsError


def folder(root: Path, *entries: Entry) -> BootFolder:
    made = BootFolder(root)
    made.path.mkdir(parents=True)
    for entry in entries:
        made.file(entry).write_text(entry.id)
    return made


@pytest.mark.parametrize("name", ["talos-A-v1.14.0+3.efi", "talos-B-v1.14.1+0-3.efi", "talos-A-v1.14.0-alpha.1.efi"])
def test_names_are_read_and_written(name: str) -> None:
    entry = parse(name)
    assert entry is not None
    assert entry.name == name


@pytest.mark.parametrize("name", ["talos-C-v1.efi", "talos-A-.efi", "other+3.efi", "talos-A-v1.efi.part", ".incoming"])
def test_other_files_are_none_of_ours(name: str) -> None:
    assert parse(name) is None


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("v1.14.0", "v1.14.1"), ("v1.9.0", "v1.14.0"), ("v1.14.0", "v1.14.0-alpha.1"), ("1~rc1", "1"), ("1", "1.1"),
        ("a", "b"), ("123", "123a"), ("123.1.9a", "124"), ("122.9", "123a-1"), ("1.0.0", "1.0.1"),
    ],
)  # fmt: skip
def test_versions_are_compared_as_the_loader_does(less: str, more: str) -> None:
    assert compare_versions(less, more) < 0 < compare_versions(more, less)


@given(st.text("0123456789abAB.-~^_", max_size=12), st.text("0123456789abAB.-~^_", max_size=12))
def test_comparing_is_antisymmetric_and_ends(one: str, two: str) -> None:
    assert compare_versions(one, two) == -compare_versions(two, one) or (
        (compare_versions(one, two) > 0) != (compare_versions(two, one) > 0)
    )
    assert compare_versions(one, one) == 0


def test_bad_entries_come_last() -> None:
    good, bad = Entry("A", "v1", 1), Entry("B", "v2", 0, 3)
    assert in_order([bad, good]) == [good, bad]


VERSIONS = [("v1", "v2"), ("v2", "v1"), ("v1", "v1")]


@pytest.mark.parametrize("current", SLOTS)
@pytest.mark.parametrize(("old", "new"), VERSIONS)
def test_a_trial_that_fails_ends_in_the_old_slot(tmp_path: Path, current: str, old: str, new: str) -> None:
    boot = folder(tmp_path, Entry(current, old, BOOTS), Entry(other(current), new, 0))
    boot.prefer(other(current), TRIAL)
    assert boot.boot().slot == other(current)
    for _ in range(BOOTS):
        assert boot.boot().slot == current


@pytest.mark.parametrize("current", SLOTS)
@pytest.mark.parametrize(("old", "new"), VERSIONS)
def test_a_confirmed_slot_stays_and_still_falls_back(tmp_path: Path, current: str, old: str, new: str) -> None:
    boot = folder(tmp_path, Entry(current, old, BOOTS), Entry(other(current), new, 0))
    tried = other(current)
    boot.prefer(tried, TRIAL)
    for _ in range(3):
        assert boot.boot().slot == tried
        boot.prefer(tried, BOOTS)
    for _ in range(BOOTS):
        assert boot.boot().slot == tried
    assert boot.boot().slot == current


@pytest.mark.parametrize("current", SLOTS)
@pytest.mark.parametrize(("old", "new"), VERSIONS)
def test_a_power_cut_between_any_two_renames_boots_one_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, current: str, old: str, new: str
) -> None:
    for cut in itertools.count():
        boot = folder(tmp_path / str(cut), Entry(current, old, BOOTS), Entry(other(current), new, 0))
        left = cut
        plain = BootFolder._rename

        def rename(self: BootFolder, one: Entry, two: Entry, plain: object = plain) -> Entry:
            nonlocal left
            if left == 0:
                raise InterruptedError
            left -= one != two
            return plain(self, one, two)  # type: ignore[operator]

        monkeypatch.setattr(BootFolder, "_rename", rename)
        try:
            boot.prefer(other(current), TRIAL)
        except InterruptedError:
            done = False
        else:
            done = True
        monkeypatch.setattr(BootFolder, "_rename", plain)
        first = boot.boot().slot
        assert first in SLOTS
        if first != current:
            assert boot.boot().slot == current
        if done:
            assert first == other(current)
            return


def test_a_slot_that_used_up_its_boots_is_no_fallback(tmp_path: Path) -> None:
    boot = folder(tmp_path, Entry("A", "v2", BOOTS), Entry("B", "v1", 0, 1))
    boot.prefer("A", BOOTS)
    assert boot.find("B") == Entry("B", "v1", 0, 1)


def test_an_empty_slot_cannot_boot(tmp_path: Path) -> None:
    boot = folder(tmp_path, Entry("A", "v1", BOOTS))
    with pytest.raises(SlotsError, match="slot B is empty"):
        boot.prefer("B", TRIAL)
    with pytest.raises(SlotsError, match="no image"):
        folder(tmp_path / "none").boot()


def test_taking_a_file_replaces_the_slot_and_gives_it_no_boots(tmp_path: Path) -> None:
    boot = folder(tmp_path, Entry("A", "v1", BOOTS), Entry("B", "v0", 0, 1))
    (boot.path / ".incoming").write_text("new")
    assert boot.take("B", "v2", boot.path / ".incoming") == Entry("B", "v2", 0)
    assert [entry.version for entry in boot.entries()] == ["v1", "v2"]
    assert boot.boot().slot == "A"

"""os/root.toml and the lock files agree, and their errors name what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from talos.imager import build, debian, recipe, wheels
from talos.imager.errors import ImageError

OS = build.CHECKOUT / "os"


def test_every_package_of_the_recipe_is_pinned() -> None:
    pins = debian.read_lock(OS / "packages.lock")
    assert set(recipe.load(OS / "root.toml").package_names) == set(pins)
    assert all(len(pin.sha256) == 64 and pin.archive in debian.MIRROR_VARIABLES for pin in pins.values())


def test_every_wheel_of_the_recipe_is_pinned() -> None:
    assert set(recipe.load(OS / "root.toml").wheels) == set(wheels.read_lock(OS / "python.lock"))


def test_lock_files_name_no_host() -> None:
    assert "://" not in (OS / "packages.lock").read_text() + (OS / "python.lock").read_text()


def test_a_lock_file_survives_writing_and_reading(tmp_path: Path) -> None:
    pins = [
        debian.Pin("b", "1:2~3+4", "0" * 64, "debian", "pool/b.deb"),
        debian.Pin("a", "1", "1" * 64, "debian", "a.deb"),
    ]
    debian.write_lock(tmp_path / "lock", pins)
    assert list(debian.read_lock(tmp_path / "lock").values()) == sorted(pins)


@pytest.mark.parametrize(("text", "says"), [("a 1 2\n", "five fields"), (None, "make lock")])
def test_a_bad_lock_file_is_named(tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / "lock").write_text(text)
    with pytest.raises(ImageError, match=says):
        debian.read_lock(tmp_path / "lock")


def test_an_unknown_key_of_a_package_is_named(tmp_path: Path) -> None:
    text = (OS / "root.toml").read_text() + '\n[[package]]\nname = "nano"\nfile = ["usr/bin/nano"]\n'
    (tmp_path / "root.toml").write_text(text)
    with pytest.raises(ImageError, match=r"nano.*file"):
        recipe.load(tmp_path / "root.toml")


def test_missing_components_say_which_and_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"node, shim, runc, cni, pause.*make components"):
        build.build(build.Options(out=tmp_path, components=tmp_path))

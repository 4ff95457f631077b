"""Two builds of the artefacts give the same bytes; a wrong wish says what there is."""
from __future__ import annotations

import subprocess
from hashlib import file_digest
from pathlib import Path

import pytest

from talos.imager.boot import artefacts
from talos.imager.errors import ImageError

from .machine import ROOT, TALOSCTL


def digests(files: list[Path]) -> dict[str, str]:
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = file_digest(file, "sha256").hexdigest()
    return found


@pytest.mark.slow
def test_a_second_build_gives_the_same_bytes(tmp_path: Path) -> None:
    def build(name: str) -> dict[str, str]:
        options = artefacts.Options(image=ROOT / "_out/image", out=tmp_path / name, level=1)
        return digests(artefacts.build(options))

    first = build("first")
    assert len(first) == 6
    assert build("second") == first


def test_an_unknown_flavour_or_kind_is_refused_with_those_there_are(tmp_path: Path) -> None:
    image = ROOT / "_out/image"
    with pytest.raises(ImageError, match="cloud, metal"):
        artefacts.build(artefacts.Options(image=image, out=tmp_path, flavour="toaster"))
    with pytest.raises(ImageError, match="uki, disk, iso, netboot"):
        artefacts.build(artefacts.Options(image=image, out=tmp_path, kinds=("floppy",)))
    done = subprocess.run(
        [TALOSCTL, "image", "build", "--image", tmp_path, "-o", tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "make image" in done.stderr

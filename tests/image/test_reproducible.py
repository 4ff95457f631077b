"""Two builds give the same bytes: a second assembly in another folder, with another umask."""

from __future__ import annotations

import json
import os
import shutil
from hashlib import file_digest
from pathlib import Path

import pytest

from talos.imager import build


@pytest.mark.slow
def test_a_second_build_elsewhere_is_identical(image: Path, tmp_path: Path) -> None:
    manifest = json.loads((image.parent / "manifest.json").read_text())
    # The sources as they are now may be newer than the image: both builds here start from one copy of them.
    package = tmp_path / "talos"
    shutil.copytree(build.CHECKOUT / "src/talos", package, ignore=shutil.ignore_patterns("__pycache__"))
    digests = []
    for name, umask in (("one", 0o022), ("a-longer-second-name", 0o077)):
        before = os.umask(umask)
        try:
            built = build.build(build.Options(out=tmp_path / name, level=1, package=package))
        finally:
            os.umask(before)
        with built.open("rb") as file:
            digests.append(file_digest(file, "sha256").hexdigest())
        for side in ("sbom.spdx.json",):
            digests.append(str(hash((built.parent / side).read_text())))
    assert digests[:2] == digests[2:]
    assert manifest["parts"].keys() == json.loads((tmp_path / "one/manifest.json").read_text())["parts"].keys()

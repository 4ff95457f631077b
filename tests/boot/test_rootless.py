"""Artefacts are made without a single capability; each has a signature and a bill of materials beside it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .machine import ROOT, TALOSCTL

pytestmark = [pytest.mark.slow]


def test_nobody_needs_to_be_root_for_an_image(tmp_path: Path) -> None:
    kinds = ("uki", "disk", "netboot", "installer")
    command = [TALOSCTL, "image", "build", "--image", ROOT / "_out/image", "-o", tmp_path, "--level", "1"]
    words = [*command, *(word for kind in kinds for word in ("--kind", kind))]
    without = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"]
    done = subprocess.run([*without, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "disk image …" in done.stdout  # progress
    made = [path for path in tmp_path.iterdir() if path.name.startswith("cloud-amd64") and path.suffix != ".minisig"]
    assert len([path for path in made if path.suffix != ".json"]) == 6
    for path in made:
        check = ["minisign", "-V", "-p", "signing.pub", "-m", path.name]
        assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0, path
        if path.suffix != ".json":
            bill = json.loads(path.with_name(f"{path.name}.spdx.json").read_text())
            assert bill["spdxVersion"] == "SPDX-2.3" and bill["packages"][0]["name"] == f"talos-{path.name}"

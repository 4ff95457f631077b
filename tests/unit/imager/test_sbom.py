"""Bills of materials: what SPDX own library finds valid, with what is in an artefact and nothing that only made it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from talos.imager import debian, recipe, sbom, wheels
from talos.imager.boot import bill
from talos.imager.boot import recipe as boot_recipe
from talos.imager.build import CHECKOUT

OS = CHECKOUT / "os"


@pytest.fixture(scope="module")
def root() -> dict[str, object]:
    pins = debian.read_lock(OS / "packages.lock")
    plan = recipe.load(OS / "root.toml")
    return sbom.document(plan, pins, wheels.read_lock(OS / "python.lock"), [])


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["", "cloud", "metal"])
def test_a_bill_is_valid(tmp_path: Path, root: dict[str, object], flavour: str) -> None:
    file = tmp_path / "sbom.spdx.json"
    file.write_text(json.dumps(root))
    if flavour:
        plan, pins = boot_recipe.load(OS / "boot.toml"), debian.read_lock(OS / "boot.lock")
        shipped = tuple(name for name in pins if plan.ships(plan.flavour(flavour), name))
        made = bill.document(tmp_path, tmp_path / f"{flavour}-amd64.raw", "v1.14.0", "0" * 64, pins, shipped)
        file.write_text(json.dumps(made))
        names = {package["name"] for package in made["packages"]}
        assert {"xfsprogs", "libcryptsetup12", "systemd-boot-efi"} <= names
        assert not {"systemd-ukify", "python3-pefile"} & names
        assert ("firmware-realtek" in names) is (flavour == "metal")
        assert sum(name.startswith("linux-image-") for name in names) == 1
        assert len({package["SPDXID"] for package in made["packages"]}) == len(made["packages"])
    checker = Path(sys.executable).with_name("pyspdxtools")
    done = subprocess.run([checker, "--infile", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_oracle_refuses_a_bill_that_is_none(tmp_path: Path, root: dict[str, object]) -> None:
    file = tmp_path / "sbom.spdx.json"
    file.write_text(json.dumps({**root, "documentNamespace": "no uri", "spdxVersion": "SPDX-9"}))
    checker = Path(sys.executable).with_name("pyspdxtools")
    assert subprocess.run([checker, "--infile", file], capture_output=True, check=False).returncode != 0

"""What is in the image: executables by the list, no way to run anything else, a complete set of libraries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.image.conftest import CHECKOUT

from talos.imager import allowlist, elf

SHELLS_AND_MANAGERS = {
    "sh",
    "bash",
    "dash",
    "busybox",
    "python3",
    "python3.13",
    "perl",
    "apt",
    "dpkg",
    "pip",
    "su",
    "login",
    "sshd",
}


def test_executables_are_those_of_the_allowlist(root: Path) -> None:
    assert allowlist.check(root, allowlist.read(CHECKOUT / "os/executables.allow")) == []


def test_an_executable_that_is_not_listed_is_found(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "program").write_bytes(b"")
    (tmp_path / "program").chmod(0o4755)
    (tmp_path / "plain").write_text("text")
    complaints = allowlist.check(tmp_path, {"gone": ""})
    assert [c.split()[0] for c in complaints] == ["/program", "/script", "/gone", "/program"]
    assert "set-uid" in complaints[-1]


def test_no_shell_interpreter_or_package_manager(root: Path) -> None:
    names = {path.name for path in root.rglob("*") if path.is_file()}
    assert names & SHELLS_AND_MANAGERS == set()


def test_every_library_that_is_asked_for_is_there(root: Path) -> None:
    libraries = root / "usr/lib/x86_64-linux-gnu"
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and (parsed := elf.read(path)):
            for needed in parsed.needed:
                assert (libraries / needed).exists(), f"{path.relative_to(root)} needs {needed}"


def test_preloaded_images_are_names_of_files_of_the_root(root: Path) -> None:
    index = json.loads((root / "usr/share/images/index.json").read_text())
    names = [name for image in index["images"] for name in image["names"]]
    assert len(names) == len(set(names)) == 9
    program = (root / "usr/bin/containerd").stat().st_ino
    for image in index["images"]:
        rootfs = root / image["rootfs"].lstrip("/")
        assert rootfs.is_dir(), image
        large = [p for p in rootfs.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_size > 50_000_000]
        assert {p.stat().st_ino for p in large} <= {program}


def test_no_source_and_no_build_path_in_the_modules(root: Path) -> None:
    modules = root / "usr/lib/talos/python"
    assert not list(modules.rglob("*.py"))
    assert not (modules / "talos/talosctl").exists()
    assert not (modules / "talos/imager").exists()
    assert not (modules / "talos/provision").exists()
    for path in modules.rglob("*.pyc"):
        assert str(CHECKOUT).encode() not in path.read_bytes(), path


@pytest.mark.parametrize("name", ["runpy", "pdb", "code", "pip", "unittest", "sqlite3", "ensurepip"])
def test_modules_that_run_files_or_code_are_absent(root: Path, name: str) -> None:
    modules = root / "usr/lib/talos/python"
    assert not (modules / f"{name}.pyc").exists()
    assert not (modules / name).exists()


def test_size_and_manifest(image: Path) -> None:
    manifest = json.loads((image.parent / "manifest.json").read_text())
    assert manifest["bytes"] == image.stat().st_size <= 100_000_000
    assert manifest["executables"]["files"] <= 12
    assert sum(part["files"] for part in manifest["parts"].values()) > 100


def test_bill_of_materials_names_what_is_shipped(image: Path) -> None:
    bill = json.loads((image.parent / "sbom.spdx.json").read_text())
    names = {package["name"] for package in bill["packages"]}
    assert {"libc6", "libssl3t64", "grpclib", "k8s.io/kubernetes", "github.com/containerd/containerd/v2"} <= names
    identities = [package["SPDXID"] for package in bill["packages"]]
    assert len(identities) == len(set(identities))

"""Which file describes a node, and what counts as a difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from talos.config import Config, ConfigError
from talos.config.drift import drift, file_for, read
from talos.config.redact import CHANGED

HEAD = "apiVersion: v1alpha1\nkind: "
RUNNING = (
    "version: v1alpha1\nmachine:\n    type: worker\n    token: aaaaaa.0123456789abcdef\n"
    f"---\n{HEAD}HostnameConfig\nhostname: alpha\n---\n{HEAD}SysctlConfig\nparams:\n    a: b\n"
)
NAMES = ("node 10.0.0.1", "file")


def test_files_in_the_order_of_how_closely_they_name_the_node(tmp_path: Path) -> None:
    running = Config.decode(RUNNING)
    with pytest.raises(ConfigError, match=r"none of 10\.0\.0\.1\.yaml, 10\.0\.0\.1\.yml, alpha\.yaml, .*worker\.yml"):
        file_for(tmp_path, "10.0.0.1", running)
    for name in ("controlplane.yaml", "worker.yml", "alpha.yaml", "10.0.0.1.yaml"):
        (tmp_path / name).write_text(RUNNING)
        assert name == "controlplane.yaml" or file_for(tmp_path, "10.0.0.1", running).name == name


def test_comments_layout_and_order_are_no_difference() -> None:
    head, *rest = RUNNING.split("---\n")
    text = "---\n".join([f"# mine\n{rest[1]}", rest[0].replace(" alpha", ' "alpha"'), head])
    assert drift(Config.decode(text), Config.decode(RUNNING), NAMES) == ""


def test_a_difference_is_shown_and_secrets_are_not() -> None:
    wanted = Config.decode(RUNNING.replace("a: b", "a: c").replace("aaaaaa.", "bbbbbb."))
    text = drift(wanted, Config.decode(RUNNING), NAMES)
    assert text.startswith("--- node 10.0.0.1\n+++ file\n")
    assert "-    a: b\n+    a: c\n" in text
    assert CHANGED in text
    assert "aaaaaa" not in text
    assert "bbbbbb" not in text


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("machine: 1\n")
    with pytest.raises(ConfigError, match=r"x\.yaml: document v1alpha1 .line 1, column 1"):
        read(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match=r"cannot read .*y\.yaml"):
        read(tmp_path / "y.yaml")


def test_files_of_sops_go_through_sops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("machine:\n    token: ENC[AES256_GCM,data:x]\nsops:\n    version: 3.9.0\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no program sops"):
        read(path)
    program = tmp_path / "sops"
    program.write_text('#!/bin/sh\n[ "$1" = --decrypt ] || exit 9\necho "machine: {token: opened}"\n')
    program.chmod(0o755)
    assert read(path).machine.token == "opened"
    program.write_text("#!/bin/sh\necho no key >&2\nexit 128\n")
    with pytest.raises(ConfigError, match="sops does not decrypt it: no key"):
        read(path)
    assert "ENC[" in path.read_text()

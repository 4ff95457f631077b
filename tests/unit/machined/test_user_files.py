"""machine.files: which can be written, and what is written."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from talos.config import Config
from talos.config.generate import Input
from talos.config.patch import apply_patches
from talos.config.secrets import Bundle
from talos.config.v1alpha1.machine import MachineFile
from talos.config.view.model import MachineType
from talos.controllers.files.cri_config import customization, merged
from talos.machined.configuration import ConfigRejectedError, Mode
from talos.machined.node import Node
from talos.machined.user_files import document_problems, problems, write

CRI = "/etc/cri/conf.d/20-customization.part"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (MachineFile(path="etc/x", op="create"), "the path must be absolute"),
        (MachineFile(path="/var/x", op="replace"), "op 'replace' is unknown: create, overwrite, append"),
        (MachineFile(path="/etc/x", op="create"), "files can be created below /var only"),
        (MachineFile(path="/var/../etc/x", op="create"), "files can be created below /var only"),
        (MachineFile(path="/etc/none", op="overwrite"), "op overwrite needs a file that the image has"),
        (MachineFile(path=CRI, op="create", content="= x"), "its content is not TOML"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path: Path, file: MachineFile, reason: str) -> None:
    (found,) = problems([file], tmp_path)
    assert found.startswith(f"machine.files[0]: {file.path}: ") and reason in found
    with pytest.raises(ValueError, match=r"machine\.files"):
        write([file], tmp_path)


def test_files_below_var_are_created_and_appended_to_once(tmp_path: Path) -> None:
    files = [
        MachineFile(path="/var/etc/tool.conf", op="create", content="a\n", permissions=0o600),
        MachineFile(path="/var/etc/tool.conf", op="append", content="b\n", permissions=0o600),
    ]
    (tmp_path / "var").mkdir()
    write(files[:1], tmp_path)
    for _boot in range(2):
        write(files[1:], tmp_path)
    target = tmp_path / "var/etc/tool.conf"
    assert target.read_text() == "a\nb\n"
    assert target.stat().st_mode & 0o7777 == 0o600


def worker(*patches: str) -> Config:
    made = Input(cluster_name="demo", endpoint="https://10.5.0.2:6443", secrets=Bundle.generate())
    return apply_patches(made.config(MachineType.WORKER), patches)


def document(content: str) -> str:
    body = textwrap.indent(content, "  ")
    return f"apiVersion: v1alpha1\nkind: CRICustomizationConfig\nname: a\ncontent: |\n{body}"


def test_customization_of_containerd_is_merged() -> None:
    config = worker(document("[plugins.a]\nx = 2\n[debug]\nlevel = 'debug'\n"))
    assert document_problems(config) == []
    base = {"plugins": {"a": {"x": 1, "y": 1}}}
    assert merged(base, customization(config)) == {"plugins": {"a": {"x": 2, "y": 1}}, "debug": {"level": "debug"}}
    assert base == {"plugins": {"a": {"x": 1, "y": 1}}}


def test_customization_that_is_no_toml_is_named() -> None:
    (found,) = document_problems(worker(document("= x\n")))
    assert found.startswith("CRICustomizationConfig a: content is not TOML")


@pytest.mark.parametrize("name", ["hosts", "cri/conf.d/x", "/etc/x", "../x"])
def test_files_that_are_the_nodes_own_are_named(name: str) -> None:
    text = f"apiVersion: v1alpha1\nkind: EtcFileConfig\nname: {name}\ncontents: x\n"
    (found,) = document_problems(worker(text))
    assert found.startswith(f"EtcFileConfig {name}: ")


def test_other_files_of_etc_may_be_made() -> None:
    assert document_problems(worker("apiVersion: v1alpha1\nkind: EtcFileConfig\nname: a/b.conf\ncontents: x\n")) == []


async def test_a_configuration_with_an_impossible_file_is_refused(make_node: Callable[..., Node]) -> None:
    patch = "machine:\n  files:\n    - path: /etc/motd\n      op: create\n      content: hi\n      permissions: 0o644\n"
    config = worker(patch)
    node = make_node()
    with pytest.raises(ConfigRejectedError, match=r"machine\.files\[0\]: /etc/motd"):
        await node.config.apply(config.text.encode(), Mode.AUTO)
    assert node.in_maintenance

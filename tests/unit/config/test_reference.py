"""The published description is current and true: made from the types, and from what the node's programs read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from talos.config import Config, kinds
from talos.config.carried_out import unsupported
from talos.config.carried_out_table import NOT_CARRIED_OUT
from talos.config.encode import document_plain
from talos.config.generate import Input
from talos.config.reference.__main__ import files
from talos.config.reference.json_schema import schema
from talos.config.reference.readers import Answer, Readers
from talos.config.reference.samples import document
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent / "documents"
OF_DISKS_AND_KERNEL = ["SecurityProfileConfig"]
"""What `gen config` writes, and containers have no use for."""
HEAD = "apiVersion: v1alpha1\nkind: "


def test_generated_files_are_current() -> None:
    stale = [str(path) for path, text in files(ROOT).items() if (ROOT / path).read_text() != text]
    assert stale == [], "run `make reference` and commit what it writes"


SCHEMA = schema()


def of_kind(kind: str) -> Any:
    """Validator of one kind: the errors of oneOf name no key."""
    number = list(kinds.MODULES).index(kind)
    return jsonschema.Draft202012Validator({**SCHEMA["oneOf"][number], "$defs": SCHEMA["$defs"]})


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    whole = jsonschema.Draft202012Validator(SCHEMA)
    assert whole.is_valid({"apiVersion": "v1alpha1", "kind": "SysctlConfig", "params": {"a": "b"}})
    assert not whole.is_valid({"apiVersion": "v1alpha1", "kind": "SysctlConfig", "param": {"a": "b"}})
    assert not whole.is_valid({"apiVersion": "v1alpha1", "kind": "Unknown"})


@pytest.mark.parametrize("kind", kinds.MODULES)
@pytest.mark.parametrize("variant", [0, 1])
def test_documents_with_every_key_are_of_the_schema(kind: str, variant: int) -> None:
    made = document(kinds.load(kind), variant)
    plain = json.loads(json.dumps(document_plain(made)))
    assert [e.message for e in of_kind(kind).iter_errors(plain)] == []
    assert Config.decode(Config([made]).encode()).documents == (made,)
    assert not of_kind(kind).is_valid({**plain, "colour": "blue"})


@pytest.mark.parametrize("version", ["v1.13", "v1.14"])
@pytest.mark.parametrize("machine_type", list(MachineType))
def test_generated_configurations_are_of_the_schema_and_carried_out(version: str, machine_type: MachineType) -> None:
    config = Input(
        cluster_name="c",
        endpoint="https://10.0.0.1:6443",
        secrets=Bundle.generate(),
        talos_version=version,
        install_disk="",
    ).config(machine_type)
    for found in config.documents:
        assert of_kind(found.KIND).is_valid(document_plain(found)), found.title
    missed = [sentence.partition(":")[0] for sentence in unsupported(config)]
    assert missed == ([] if version == "v1.13" else OF_DISKS_AND_KERNEL)
    assert unsupported(config, "container") == []


def test_what_is_not_carried_out_is_said() -> None:
    documents = (
        f"{HEAD}KubeSpanConfig\nenabled: true\n",
        f"{HEAD}SysctlConfig\nparams: {{a: b}}\n",
        "machine: {udev: {rules: [x]}}\n",
    )
    text = "---\n".join(documents)
    assert unsupported(Config.decode(text)) == [
        "KubeSpanConfig: this version does not carry out documents of this kind",
        "v1alpha1: this version does not carry out machine.udev",
    ]


def test_what_is_the_hosts_is_said_to_be_without_effect_in_a_container() -> None:
    legacy = "machine: {kernel: {modules: [{name: a}]}, sysctls: {vm.b: '1', net.c: '1'}, sysfs: {d: '1'}}\n"
    documents = f"{HEAD}KernelModuleConfig\nname: e\n---\n{HEAD}TimeSyncConfig\nntp: {{servers: [f]}}\n"
    config = Config.decode(f"{legacy}---\n{documents}")
    said = [sentence.rpartition(": ")[2] for sentence in unsupported(config, "container")]
    assert said == ["a, e", "vm.b", "d", "f"]
    assert unsupported(config) == []


@pytest.mark.parametrize(
    "text", [f"{HEAD}KubeSpanConfig\nenabled: false\n", "machine: {network: {kubespan: {enabled: false}}}\n"]
)
def test_what_is_switched_off_is_not_missed(text: str) -> None:
    assert unsupported(Config.decode(text)) == []


@pytest.mark.parametrize("kind", NOT_CARRIED_OUT)
def test_every_key_of_the_table_is_found_in_a_document_that_has_all(kind: str) -> None:
    said = unsupported(Config([document(kinds.load(kind))]))
    assert len(said) == 1
    assert said[0].startswith(document(kinds.load(kind)).title)
    for key in NOT_CARRIED_OUT[kind]:
        assert key in said[0]


def test_a_reader_is_found_by_what_it_asks(tmp_path: Path) -> None:
    (tmp_path / "controllers").mkdir()
    (tmp_path / "controllers/a.py").write_text(
        "def f(config):\n    kubelet, cluster = config.kubelet, config.cluster\n"
        "    return kubelet.node.labels, cluster.name, config.machine.sysctls\n"
    )
    readers = Readers(tmp_path)
    (tmp_path / "controllers/b.py").write_text(
        "from talos.config.runtime.etc_file_config import EtcFileConfig\n"
        "def f(config):\n    return [file.contents for file in config.get_all(EtcFileConfig)]\n"
    )
    readers = Readers(tmp_path)
    taken = kinds.load("EtcFileConfig")
    assert [readers.takes(taken, key) for key in ("", "contents", "mode")] == [True, True, False]
    assert not readers.takes(kinds.load("SysctlConfig"), "")
    assert readers.reads(Answer("kubelet", "node", (("KubernetesNode", "labels"),)))
    assert not readers.reads(Answer("kubelet", "node", (("KubernetesNode", "taints"),)))
    assert readers.reads(Answer("machine", "sysctls"))
    assert not readers.reads(Answer("machine", "sysfs"))

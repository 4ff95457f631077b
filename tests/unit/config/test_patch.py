"""Strategic merge, deletion, and JSON patches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.config import Config, ConfigError, json_patch
from talos.config.patch import apply_patches, apply_patches_to_text, is_json_patch

HEAD = "apiVersion: v1alpha1\n"
BASE = f"""\
version: v1alpha1
debug: true
machine:
    type: worker
    token: abc
    certSANs:
        - one
    kubelet:
        extraArgs:
            v: "1"
            w: [a, b]
    network:
        interfaces:
            - interface: eth0
              addresses: [10.0.0.1/24]
              vlans:
                - vlanId: 5
                  addresses: [10.5.0.1/24]
            - interface: eth1
              dhcp: true
    sysctls:
        a: "1"
        b: "2"
cluster:
    network:
        podSubnets: [10.244.0.0/16]
    apiServer:
        admissionControl:
            - name: PodSecurity
              configuration:
                defaults: {{enforce: baseline}}
---
{HEAD}kind: LinkConfig
name: eth0
mtu: 1400
addresses:
    - address: 10.9.0.2/24
---
{HEAD}kind: KubeAuditPolicyConfig
configuration:
    rules: [{{level: Metadata}}]
---
{HEAD}kind: KubeNodeConfig
nodeIP: {{}}
labels:
    a: x
"""


def patched(*patches: str) -> Config:
    return apply_patches(Config.decode(BASE), patches)


def plain(config: Config, number: int = 0) -> Any:
    from talos.config.encode import document_plain

    return document_plain(config.documents[number])


def test_lists_are_appended_and_mappings_merged() -> None:
    machine = plain(patched("machine: {certSANs: [two], sysctls: {b: '3', c: '4'}}"))["machine"]
    assert machine["certSANs"] == ["one", "two"]
    assert machine["sysctls"] == {"a": "1", "b": "3", "c": "4"}


def test_some_lists_are_replaced() -> None:
    assert plain(patched("cluster: {network: {podSubnets: [10.1.0.0/16]}}"))["cluster"]["network"]["podSubnets"] == [
        "10.1.0.0/16"
    ]
    config = patched(f"{HEAD}kind: KubeAuditPolicyConfig\nconfiguration: {{rules: []}}\n")
    assert plain(config, 2)["configuration"] == {"rules": []}


def test_arguments_are_replaced_not_appended() -> None:
    kubelet = plain(patched("machine: {kubelet: {extraArgs: {w: [c], v: '5'}}}"))["machine"]["kubelet"]
    assert kubelet["extraArgs"] == {"v": "5", "w": ["c"]}


def test_list_elements_with_an_identity_are_merged() -> None:
    config = patched(
        "machine: {network: {interfaces: [{interface: eth0, mtu: 9000, vlans: [{vlanId: 5, mtu: 1400}]}]}}",
        "machine: {network: {interfaces: [{interface: eth2}]}}",
        "cluster: {apiServer: {admissionControl: [{name: PodSecurity, configuration: {defaults: {warn: x}}}]}}",
    )
    devices = plain(config)["machine"]["network"]["interfaces"]
    assert [d["interface"] for d in devices] == ["eth0", "eth1", "eth2"]
    assert devices[0]["mtu"] == 9000
    assert devices[0]["addresses"] == ["10.0.0.1/24"]
    assert devices[0]["vlans"] == [{"addresses": ["10.5.0.1/24"], "routes": [], "vlanId": 5, "mtu": 1400}]
    plugins = plain(config)["cluster"]["apiServer"]["admissionControl"]
    assert plugins[0]["configuration"] == {"defaults": {"enforce": "baseline", "warn": "x"}}


def test_false_is_said_and_empty_text_is_not() -> None:
    document = plain(patched("debug: false\nmachine: {token: ''}\n"))
    assert document["debug"] is False
    assert document["machine"]["token"] == "abc"


def test_an_empty_value_under_a_named_key_is_said() -> None:
    assert patched(f"{HEAD}kind: KubeNodeConfig\nlabels: {{a: ''}}\n").kubelet.node.labels == {"a": ""}


def test_documents_are_merged_by_identity_or_added_at_the_end() -> None:
    config = patched(
        f"{HEAD}kind: LinkConfig\nname: eth0\nup: false\naddresses: [{{address: 10.9.0.3/24}}]\n---\n"
        f"{HEAD}kind: LinkConfig\nname: eth7\nmtu: 1300\n"
    )
    assert [d.title for d in config.documents] == [
        "v1alpha1", "LinkConfig 'eth0'", "KubeAuditPolicyConfig", "KubeNodeConfig", "LinkConfig 'eth7'",
    ]  # fmt: skip
    assert plain(config, 1)["addresses"] == [{"address": "10.9.0.2/24"}, {"address": "10.9.0.3/24"}]
    assert plain(config, 1)["up"] is False
    assert plain(config, 1)["mtu"] == 1400


@pytest.mark.parametrize(
    ("patch", "path", "wanted"),
    [
        ("machine: {sysctls: {$patch: delete}}", ["machine", "sysctls"], None),
        ("machine: {network: {$patch: delete}}", ["machine", "network"], None),
        ("machine: {kubelet: {nodeIP: {$patch: delete}}}", ["machine", "kubelet", "nodeIP"], None),
        (
            "machine: {network: {interfaces: [{interface: eth0, $patch: delete}]}}",
            ["machine", "network", "interfaces"],
            [{"interface": "eth1", "dhcp": True}],
        ),
        (
            "machine: {network: {interfaces: [{interface: eth9, $patch: delete}]}}",
            ["machine", "network", "interfaces", 1],
            {"interface": "eth1", "dhcp": True},
        ),
        (
            "machine: {network: {interfaces: [{interface: eth0, vlans: [{vlanId: 5, $patch: delete}]}]}}",
            ["machine", "network", "interfaces", 0],
            {"interface": "eth0", "addresses": ["10.0.0.1/24"]},
        ),
    ],
)
def test_deletion(patch: str, path: list[str | int], wanted: Any) -> None:
    found: Any = plain(patched(patch))
    for step in path[:-1]:
        found = found[step]
    last = path[-1]
    assert (found[last] if isinstance(last, int) else found.get(last)) == wanted


def test_whole_documents_are_deleted_and_missing_ones_are_gone_already() -> None:
    config = patched(
        f"{HEAD}kind: LinkConfig\nname: eth0\n$patch: delete\n---\n{HEAD}kind: HostnameConfig\n$patch: delete\n"
    )
    assert [d.KIND for d in config.documents] == ["v1alpha1", "KubeAuditPolicyConfig", "KubeNodeConfig"]
    again = apply_patches(config, [f"{HEAD}kind: LinkConfig\nname: eth0\n$patch: delete\n"])
    assert again == config


def test_deletion_before_setting_replaces() -> None:
    config = patched("machine: {sysctls: {$patch: delete}}", "machine: {sysctls: {c: '3'}}")
    assert config.machine.sysctls == {"c": "3"}


def test_inputs_are_not_modified() -> None:
    config = Config.decode(BASE)
    before = config.encode()
    apply_patches(config, ["machine: {certSANs: [z], network: {interfaces: [{interface: eth0, $patch: delete}]}}"])
    assert config.encode() == before


@given(names=st.lists(st.sampled_from(["a", "b", "c"]), max_size=5))
def test_the_last_patch_wins(names: list[str]) -> None:
    patches = [f"machine: {{sysctls: {{k: '{n}'}}}}" for n in names]
    config = apply_patches(Config.decode(BASE), patches)
    assert config.machine.sysctls.get("k") == (names[-1] if names else None)
    assert apply_patches(config, patches[-1:]) == config


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("machine: {colour: blue}", "machine.colour"),
        ('[{"op": "remove", "path": "/machine/token"}]', "4 documents"),
        ("machine: {sysctls: {$patch: remove}}", "only delete is known"),
        ("machine: {network: {interfaces: [{$patch: delete}]}}", "needs another key"),
        (f"{HEAD}kind: Nonsense\n$patch: delete\n", "unknown document kind"),
        ("a: [", "not valid YAML"),
    ],
)
def test_bad_patches(patch: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        patched("debug: false", patch)
    assert message in str(caught.value)
    assert str(caught.value).startswith("patch 2: ")


def test_json_patch_on_one_document() -> None:
    text = apply_patches_to_text(
        "version: v1alpha1\nmachine: {token: a, certSANs: []}\n",
        ['[{"op":"add","path":"/machine/certSANs/-","value":"x"}]', "- {op: replace, path: /machine/token, value: b}"],
    )
    assert text == "machine:\n  certSANs:\n  - x\n  token: b\nversion: v1alpha1\n"


def test_json_patch_result_must_be_a_configuration() -> None:
    with pytest.raises(ConfigError, match="unknown key"):
        apply_patches_to_text("version: v1alpha1\n", ['[{"op":"add","path":"/x","value":1}]'])


def test_kinds_of_patch_are_told_apart() -> None:
    assert is_json_patch("[]")
    assert is_json_patch("- op: test\n")
    assert not is_json_patch("machine: {}")


# RFC 6902, appendix A, and a few more.
RFC: list[tuple[Any, list[dict[str, Any]], Any]] = [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
    ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
    ({"foo": ["all", "grass"]}, [{"op": "move", "from": "/foo/1", "path": "/foo/0"}], {"foo": ["grass", "all"]}),
    ({"a": {"b": [1]}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": [1]}, "c": {"b": [1]}}),
    ({"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "qux"}], {"baz": "qux"}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
    ({"foo": None}, [{"op": "replace", "path": "", "value": {"x": 1}}], {"x": 1}),
    ({"l": [1, 2]}, [{"op": "replace", "path": "/l/0", "value": 9}], {"l": [9, 2]}),
]


@pytest.mark.parametrize(("document", "operations", "wanted"), RFC)
def test_json_patch_operations(document: Any, operations: list[dict[str, Any]], wanted: Any) -> None:
    assert json_patch.apply(document, operations) == wanted


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "add", "path": "/a/b", "value": 1}, "path /a does not exist"),
        ({"op": "remove", "path": "/a"}, "does not exist"),
        ({"op": "replace", "path": "/a", "value": 1}, "does not exist"),
        ({"op": "add", "path": "/l/3", "value": 1}, "no element '3'"),
        ({"op": "add", "path": "/l/01", "value": 1}, "no element '01'"),
        ({"op": "remove", "path": "/l/-"}, "no element '-'"),
        ({"op": "test", "path": "/n", "value": "1"}, "test of '/n' failed"),
        ({"op": "test", "path": "/n", "value": True}, "failed"),
        ({"op": "grow", "path": "/n"}, "unknown op"),
        ({"op": "add", "path": "n", "value": 1}, "JSON pointer"),
        ({"op": "add", "path": "/n"}, "has no value"),
        ({"op": "move", "from": "/m", "path": "/m/k"}, "into itself"),
        ({"op": "remove", "path": ""}, "cannot be removed"),
        ("remove", "must be a mapping"),
    ],
)
def test_json_patch_errors_leave_the_document(operation: Any, message: str) -> None:
    document = {"l": [1], "n": 1, "m": {"k": 1}}
    with pytest.raises(ConfigError, match="operation 1") as caught:
        json_patch.apply(document, [operation])
    assert message in str(caught.value)
    assert document == {"l": [1], "n": 1, "m": {"k": 1}}

"""Which changes need a reboot: those of what the node reads once, and no others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from talos.config import Config
from talos.config.generate import Input
from talos.config.patch import apply_patches_to_text
from talos.config.reboot import AT_BOOT, later, reboot_reasons
from talos.config.reference.readers import _asked, at_boot
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType

HEAD = "apiVersion: v1alpha1\nkind: "
INPUT = Input(cluster_name="demo", endpoint="https://10.5.0.2:6443", secrets=Bundle.generate())
CONTROL_PLANE, WORKER = INPUT.config(MachineType.CONTROL_PLANE), INPUT.config(MachineType.WORKER)
SOURCE = Path(__file__).parents[3] / "src/talos"


def reasons(before: Config, patch: str) -> list[str]:
    return reboot_reasons(before, Config.decode(apply_patches_to_text(before.encode(), [patch])))


@pytest.mark.parametrize(
    ("patch", "control_plane", "worker"),
    [
        ("machine: {files: [{path: /var/a, content: b, op: create}]}", 1, 1),
        ("machine: {env: {a: b}}", 2, 2),
        (f"{HEAD}EnvironmentConfig\nvariables: {{a: b}}\n", 2, 2),
        ("cluster: {etcd: {extraArgs: {a: b}}}", 3, None),
        ("cluster: {etcd: {advertisedSubnets: [10.0.0.0/8]}}", 3, None),
        (f"{HEAD}KubeletConfig\n$patch: delete\n", 4, 4),
        ("cluster: {etcd: {$patch: delete}}", 5, None),
        (f"{HEAD}SysctlConfig\nparams: {{a.b: c}}\n", None, None),
        (f"{HEAD}KubeletConfig\nextraArgs: {{v: '4'}}\n", None, None),
        (f"{HEAD}RegistryMirrorConfig\nname: a.example\nendpoints: [{{url: 'https://b.example'}}]\n", None, None),
        ("machine: {certSANs: [a.example]}", None, None),
        ("debug: true", None, None),
    ],
)
def test_a_reboot_is_asked_for_by_the_keys_that_need_one(
    patch: str, control_plane: int | None, worker: int | None
) -> None:
    for config, number in ((CONTROL_PLANE, control_plane), (WORKER, worker)):
        assert reasons(config, patch) == ([] if number is None else [AT_BOOT[number].keys])


def test_what_waits_for_an_occasion_of_its_own_is_said() -> None:
    taint = f"{HEAD}KubeNodeConfig\ntaints: {{a: 'b:NoSchedule'}}\n"
    disk = f"{HEAD}UnattendedInstallConfig\nprovisioning: {{wipe: true}}\n"

    def said(before: Config, patch: str) -> list[str]:
        return later(before, Config.decode(apply_patches_to_text(before.encode(), [patch])))

    assert said(CONTROL_PLANE, taint) == []  # a control plane node changes its taints with the API at once
    assert [sentence.partition(":")[0] for sentence in said(WORKER, taint)] == [
        "KubeNodeConfig taints of a worker (legacy"
    ]
    assert "when the machine is installed" in said(WORKER, disk)[0]
    keys = f"{HEAD}VolumeConfig\nname: STATE\nencryption: {{provider: luks2, keys: [{{slot: 0, nodeID: {{}}}}]}}\n"
    assert "when the machine starts next" in said(WORKER, keys)[0]
    assert said(WORKER, "debug: true") == []


def test_another_type_needs_one() -> None:
    assert reboot_reasons(WORKER, CONTROL_PLANE) == ["machine.type"]


def test_machined_reads_nothing_at_boot_that_the_table_does_not_name() -> None:
    """What controllers read is acted on at once; what machined's own programs and tasks read is read once."""
    asked = set()
    for path in (SOURCE / "machined").rglob("*.py"):
        asked |= _asked(list(ast.walk(ast.parse(path.read_text()))))
    known = {("machine", name) for name in ("files", "env", "type", "is_control_plane", "runs_etcd", "runs_kubelet")}
    for_kubeconfig = {"endpoint", "endpoint_host", "endpoint_port", "name", "admin_kubeconfig_lifetime_s"}
    known |= {("cluster", name) for name in for_kubeconfig}  # made when asked for, and looked at by guards
    known |= {("kubernetes", "get"), ("kubernetes", "list")}  # a client of that name
    known |= {("access", name) for name in ("policy", "question", "refusal", "audit_sinks")}  # asked with every call
    known |= {("machine", name) for name in ("log_destinations", "debug", "volumes", "trims")}  # followed as it changes
    known |= {("machine", name) for name in ("image_cache", "image_cache_volumes", "has_image_cache_volume")}  # as well
    known |= {("machine", name) for name in ("configured", "ca")}  # whether a stored one with faults can still be used
    known |= {("machine", "is_init")}  # before etcd has data, and never again
    known |= {("kubernetes", "api_server")}  # by calls of the API: whether there is any Kubernetes
    known |= {("machine", name) for name in ("install", "encryption", "system_volumes")}  # by an installation, once
    assert asked <= known
    assert ("machine", "files") in asked
    assert ("machine", "env") in asked


def test_the_reference_marks_the_keys() -> None:
    assert at_boot("EnvironmentConfig") == ("variables",)
    assert at_boot("SysctlConfig") == ()
    legacy = at_boot("v1alpha1")
    assert {"machine.type", "machine.files", "machine.env", "cluster.etcd.extraArgs"} <= set(legacy)
    assert not any(key.startswith(("machine.kubelet", "machine.sysctls", "cluster.apiServer")) for key in legacy)

"""A node on a host that has cgroup v2 only, in a guest.

Emulated, Kubernetes is slower than its own probes allow on a slow machine: they end a controller manager that has not
finished starting. So both tests run where the guest is fast, or in the long sweep: one looks at what cgroup v2 decides
(services in their groups with their limits, pods below kubepods, a healthy kubelet), one at a Ready node.
"""
from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from talos.provision import qemu

from . import guest

pytestmark = [pytest.mark.slow, pytest.mark.root]
CREATE = (
    ".venv/bin/talosctl cluster create --name v2 --workers 0{more}"
    " --talosconfig-destination /run/talosconfig --kubeconfig-destination /run/kubeconfig"
)
DESTROY = ".venv/bin/talosctl cluster destroy --name v2 --force"
CALL = ".venv/bin/talosctl --talosconfig /run/talosconfig -n 10.5.0.2 -e 10.5.0.2"
GROUPS = "find /sys/fs/cgroup -name cgroup.procs"
UP = (
    CREATE.format(more=" --wait=false")
    + f" && until {CALL} bootstrap; do sleep 5; done"
    + f" && until {CALL} services | grep -E 'kubelet +Running +OK'; do sleep 5; done"
    + f" && until cat /dev/null $({GROUPS} -path '*kubepods*') | grep -q .; do sleep 5; done"
    + f" && {CALL} services"
    + f" && for f in $({GROUPS} -path '*podruntime*') $({GROUPS} -path '*kubepods*');"
    + " do [ -z \"$(cat $f)\" ] || echo GROUP $f; done"
    + " && for f in $(find /sys/fs/cgroup -name memory.max -path '*system/apid*'); do echo LIMIT $f $(cat $f); done"
    + f" && {DESTROY}"
)
NODES = "_out/bin/kubectl --kubeconfig /run/kubeconfig get nodes -o wide"
FEW = (
    "node-ipam-controller,node-lifecycle-controller,daemonset-controller,serviceaccount-controller,"
    "serviceaccount-token-controller,certificatesigningrequest-signing-controller,"
    "certificatesigningrequest-approving-controller,root-ca-certificate-publisher-controller"
)
"""Controllers without which no node becomes Ready: all of them, emulated, start more slowly than their probe allows."""
HEAD = {"apiVersion": "v1alpha1"}
PATCHES = (
    {**HEAD, "kind": "KubeControllerManagerConfig", "extraArgs": {"controllers": FEW}},
    {**HEAD, "kind": "KubeCoreDNSConfig", "enabled": False},
)
PATCH = "".join(f" --config-patch-controlplanes '{json.dumps(patch)}'" for patch in PATCHES)
READY = (
    CREATE.format(more=f" --wait=false{PATCH}")
    + f" && until {CALL} bootstrap; do sleep 5; done"
    + f" && until {CALL} kubeconfig --force /run/kubeconfig; do sleep 5; done"
    + f" && until {NODES} | grep ' Ready '; do sleep 10; done"
    + f" && {NODES}"
    + f" && {DESTROY}"
)


@pytest.fixture(autouse=True)
def fast_enough() -> None:
    if "TALOS_LONG" not in os.environ and qemu.accelerator(guest.kernel()[0]) == qemu.EMULATION:
        pytest.skip("no virtualization here: make test-boot-long")


def test_a_node_runs_in_groups_of_cgroup_v2(tmp_path: Path) -> None:
    code, console = guest.run(tmp_path, UP)
    assert code == 0, console[-4000:]
    services = {line.split()[1]: line.split()[2] for line in console.splitlines() if line.startswith("10.5.0.2 ")}
    for name in ("machined", "apid", "trustd", "containerd", "cri", "etcd", "kubelet"):
        assert services.get(name) == "Running", console[-4000:]
    groups = [line.split()[1] for line in console.splitlines() if line.startswith("GROUP ")]
    for part in ("podruntime/etcd", "podruntime/kubelet", "podruntime/runtime", "kubepods"):
        assert any(part in group for group in groups), groups
    limits = [line.split()[2] for line in console.splitlines() if line.startswith("LIMIT ")]
    assert limits == [str(128 << 20)]


def test_a_node_becomes_ready_on_a_host_with_cgroup_v2_only(tmp_path: Path) -> None:
    code, console = guest.run(tmp_path, READY, timeout_s=2400)
    assert code == 0, console[-4000:]
    assert " Ready " in console

"""config.json of a node: what a container may see and do is decided there, so its whole content is a golden file."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from talos.provision import bundle
from talos.provision.model import ClusterModel, NodeDirectory, NodeModel

GOLDEN = Path(__file__).parent / "golden"


def make(directory: Path, **changes: Any) -> dict[str, Any]:
    node = NodeModel("demo-controlplane-1", "controlplane", "10.5.0.2", 1, memory=2 << 30, cpus=2.0)
    model = ClusterModel("demo", "10.5.0.0/24", "10.5.0.1", 1500, "/image", "id", "/runc", "1.37.2", nodes=[node])
    arguments: dict[str, Any] = {
        "cgroup": "/talos-x/demo-controlplane-1",
        "network_namespace": "/proc/7/fd/9",
        "bounding": (1 << 41) - 1 & ~(1 << 24),
        "disk_majors": [8, 259],
        "cgroup_v2": False,
        "booted": "talos-A-v1.14.0.efi",
    }
    return bundle.config(model, node, NodeDirectory(directory), **(arguments | changes))


def test_config_is_as_agreed(tmp_path: Path) -> None:
    (tmp_path / "userdata.yaml").write_bytes(b"version: v1alpha1\n")
    text = json.dumps(make(tmp_path), indent=2).replace(str(tmp_path), "/NODE") + "\n"
    assert text == (GOLDEN / "config.json").read_text()


def test_without_configuration_there_is_no_user_data(tmp_path: Path) -> None:
    env = make(tmp_path)["process"]["env"]
    assert "PLATFORM=container" in env
    assert not [item for item in env if item.startswith("USERDATA")]


def test_user_data_is_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "userdata.yaml").write_bytes(b"a: 1\n")
    env = dict(item.split("=", 1) for item in make(tmp_path)["process"]["env"])
    assert base64.b64decode(env["USERDATA"]) == b"a: 1\n"


def test_no_host_path_but_the_declared_ones(tmp_path: Path) -> None:
    binds = [item["source"] for item in make(tmp_path)["mounts"] if item["type"] == "bind"]
    assert binds == [str(tmp_path / "state"), str(tmp_path / "var"), str(tmp_path / "boot")]


def test_capabilities_of_the_host_without_those_that_reach_past_a_container(tmp_path: Path) -> None:
    granted = set(make(tmp_path)["process"]["capabilities"]["bounding"])
    assert "CAP_SYS_ADMIN" in granted
    assert not granted & {"CAP_SYS_TIME", "CAP_SYS_MODULE", "CAP_SYS_BOOT", "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE"}


def test_capability_numbers_are_the_kernels() -> None:
    assert bundle.capabilities(1 << 12) == ["CAP_NET_ADMIN"]
    assert bundle.capabilities(1 << 21) == ["CAP_SYS_ADMIN"]
    assert bundle.capabilities(1 << 39) == ["CAP_BPF"]


def test_disks_of_the_host_are_denied_and_its_log_is_read_only(tmp_path: Path) -> None:
    rules = make(tmp_path)["linux"]["resources"]["devices"]
    assert rules[0] == {"allow": True, "access": "rwm"}
    denied = {(item["type"], item["major"], item["access"]) for item in rules[1:]}
    assert denied == {("b", 8, "rw"), ("b", 259, "rw"), ("c", 1, "w")}


def test_zero_means_no_limit(tmp_path: Path) -> None:
    node = NodeModel("n", "worker", "10.5.0.3", 2)
    model = ClusterModel("demo", "10.5.0.0/24", "10.5.0.1", 1500, "/image", "id", "/runc", "1.37.2", nodes=[node])
    config = bundle.config(
        model, node, NodeDirectory(tmp_path), cgroup="/c", network_namespace="/n", bounding=0, disk_majors=[],
        cgroup_v2=True,
    )
    assert set(config["linux"]["resources"]) == {"devices", "pids"}
    assert any(item["type"] == "cgroup2" for item in config["mounts"])

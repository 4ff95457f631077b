"""grpcurl (Go) on a node that runs: with our descriptors, server reflection being off as on Talos.

Every method that reading roles may call, with what it needs; answers are checked against the node.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from talos import rbac
from tests.cluster.cluster import Cluster

GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"
API = Path(__file__).parents[2] / "api"
M = "machine.MachineService/"
PROTOS = ("machine", "cluster", "inspect", "storage", "time", "cosi_resource")
REQUESTS: dict[str, dict[str, Any]] = {
    M + "Logs": {"namespace": "system", "id": "apid", "tailLines": 3},
    M + "Events": {"tailEvents": 1},
    M + "List": {"root": "/etc"},
    M + "DiskUsage": {"paths": ["/etc"]},
    M + "Netstat": {"filter": "LISTENING", "l4proto": {"tcp": True}},
    M + "Containers": {"namespace": "system"},
    M + "Stats": {"namespace": "system"},
    M + "ImageList": {"namespace": "NS_CRI"},
    "machine.ImageService/List": {"containerd": {"namespace": "NS_CRI"}},
    "machine.StorageService/Statfs": {"path": "/var"},
    "cosi.resource.State/Get": {"namespace": "runtime", "type": "Services.v1alpha1.talos.dev", "id": "apid"},
    "cosi.resource.State/List": {"namespace": "runtime", "type": "Services.v1alpha1.talos.dev"},
    "cosi.resource.State/Watch": {
        "namespace": "runtime", "type": "Services.v1alpha1.talos.dev", "apiVersion": 1,
        "options": {"bootstrapContents": True},
    },
}  # fmt: skip
FOLLOWS = {M + "Events", "cosi.resource.State/Watch", "cluster.ClusterService/HealthCheck"}
ELSEWHERE = {"time.TimeService/Time", "time.TimeService/TimeCheck", "machine.ImageService/Verify"}
"""ask a time server or a registry, which a cluster under test does not reach"""
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def call(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    """call(method, request, *flags) as the cluster's administrator."""
    folder = tmp_path_factory.mktemp("grpcurl")
    go = shutil.which("go")
    assert go, "grpcurl is built from its Go module: make components has fetched a go, put it on PATH"
    environment = os.environ | {"GOBIN": str(folder), "GOFLAGS": ""}
    subprocess.run([go, "install", GRPCURL], check=True, capture_output=True, env=environment)
    context = yaml.safe_load(cluster.talosconfig.read_text())["contexts"]
    (context,) = context.values()
    for name in ("ca", "crt", "key"):
        path = folder / f"{name}.pem"
        path.touch(0o600)
        path.write_bytes(base64.b64decode(context[name]).replace(b"ED25519 ", b""))
    (folder / "import/talos").mkdir(parents=True)
    (folder / "import/talos/api").symlink_to(API)
    tls = [f"-{flag}={folder / name}.pem" for flag, name in (("cacert", "ca"), ("cert", "crt"), ("key", "key"))]
    protos = [f"-import-path={folder / 'import'}", *(f"-proto=talos/api/{name}.proto" for name in PROTOS)]

    def made(method: str, request: object = None, *flags: str, described: bool = True) -> Any:
        command = [folder / "grpcurl", *tls, *(protos if described else ()), *flags]
        if method != "list":
            command.append(f"-d={json.dumps(request or {})}")
        return subprocess.run(
            [*command, f"{cluster.nodes[0].address}:50000", method],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    yield made


def one(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["messages"][0]
    return found


def test_reflection_is_off(call: Call) -> None:
    done = call("list", described=False)
    assert done.returncode != 0
    assert "reflection" in done.stderr


def test_every_method_for_readers_answers(call: Call) -> None:
    wrong, asked = {}, 0
    for path, roles in rbac.METHODS.items():
        method = path[1:]
        changes = path in rbac.READER_ONLY_IN_MAINTENANCE
        if rbac.READER not in roles or changes or method in ELSEWHERE or method.startswith("pytalos."):
            continue
        asked += 1
        done = call(method, REQUESTS.get(method), *(["-max-time=3"] if method in FOLLOWS else []))
        followed = method in FOLLOWS and "DeadlineExceeded" in done.stderr
        if (done.returncode != 0 and not followed) or not done.stdout:
            wrong[method] = done.stderr or "no answer"
    assert not wrong
    assert asked > 30


def test_answers_are_the_nodes(cluster: Cluster, call: Call) -> None:
    node = cluster.nodes[0]
    assert one(call(M + "Hostname"))["hostname"] == node.name
    running = {process["command"] for process in one(call(M + "Processes"))["processes"]}
    assert {"machined", "apid", "etcd", "kubelet"} <= running
    mounted = {mount["mountedOn"] for mount in one(call(M + "Mounts"))["stats"]}
    assert {"/var", "/run"} <= mounted
    done = call(M + "Read", {"path": "/etc/hosts"})
    content = base64.b64decode(json.loads(done.stdout)["bytes"])
    assert content == cluster.node_path(node, "/etc/hosts").read_bytes()


def test_targets_in_the_metadata(cluster: Cluster, call: Call) -> None:
    names = {node.address: node.name for node in cluster.nodes}
    last = cluster.nodes[-1]
    assert one(call(M + "Hostname", None, "-H", f"node: {last.address}"))["hostname"] == last.name
    headers = [flag for address in names for flag in ("-H", f"nodes: {address}")]
    done = call(M + "Hostname", None, *headers)
    found = {m["metadata"]["hostname"]: m["hostname"] for m in json.loads(done.stdout)["messages"]}
    assert found == names


def test_refusals_have_their_status(call: Call) -> None:
    for method, request, status in (
        (M + "Read", {"path": "/nosuch"}, "NotFound"),
        ("cosi.resource.State/Get", {"namespace": "runtime", "type": "Nosuch.talos.dev", "id": "x"},
         "PermissionDenied"),
        ("cosi.resource.State/Destroy", {"namespace": "runtime", "type": "Services.v1alpha1.talos.dev", "id": "apid"},
         "PermissionDenied"),
        (M + "Bootstrap", {}, "AlreadyExists"),
        (M + "EtcdRecover", {"bytes": "eA=="}, "AlreadyExists"),
    ):  # fmt: skip
        done = call(method, request)
        assert done.returncode != 0
        assert status in done.stderr, (method, done.stderr)

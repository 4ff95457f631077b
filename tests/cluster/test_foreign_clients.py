"""A client that is none of ours on a node that runs: every method it knows, and what it was told is what is so.

The independent Python client of Talos 1.6 (PyPI, grpclib and betterproto) in a virtual environment of its own, because
of what it pins. grpcurl, which is Go, is in tests/unit/apid.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import Cluster

PYPI = "talos-linux-api-v1-6-0==0.1.0"
M = "/machine.MachineService/"
REFUSED = {
    M + "apply_configuration": "INVALID_ARGUMENT", M + "bootstrap": "ALREADY_EXISTS", M + "image_pull": "UNKNOWN",
    M + "meta_delete": "NOT_FOUND", M + "meta_write": "INVALID_ARGUMENT", M + "packet_capture": "NOT_FOUND",
    M + "reset": "INVALID_ARGUMENT", M + "restart": "UNKNOWN", M + "service_restart": "UNKNOWN",
    M + "service_start": "UNKNOWN", M + "service_stop": "UNKNOWN",
    # Gone from the API since Talos 1.6:
    M + "etcd_remove_member": "UNIMPLEMENTED", M + "generate_configuration": "UNIMPLEMENTED",
}  # fmt: skip
NO_NETWORK = "/time.TimeService/time"  # asks a time server, which a cluster under test does not reach
EITHER = {M + "upgrade", NO_NETWORK}


@pytest.fixture(scope="module")
def credentials(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of the authority, the administrator's certificate and its key, as everybody's TLS library reads it."""
    document = yaml.safe_load(cluster.talosconfig.read_text())
    context = document["contexts"][document["context"]]
    folder = tmp_path_factory.mktemp("credentials")
    paths = []
    for name in ("ca", "crt", "key"):
        path = folder / f"{name}.pem"
        path.touch(0o600)
        path.write_bytes(base64.b64decode(context[name]).replace(b"ED25519 ", b""))
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def told(cluster: Cluster, credentials: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the Python client of PyPI was told, by method. FOREIGN_PYTHON names an interpreter that has it already."""
    python = os.environ.get("FOREIGN_PYTHON", "")
    if not python:
        folder = tmp_path_factory.mktemp("client")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", PYPI], check=True, capture_output=True)
        python = str(folder / "bin" / "python")
    script = Path(__file__).with_name("foreign_python.py")
    command = [python, script, cluster.nodes[0].address, *credentials]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def one(told: dict[str, Any], method: str) -> dict[str, Any]:
    (answer,) = told[M + method]["answers"]
    (message,) = answer["messages"]
    return dict(message)


def data(told: dict[str, Any], method: str) -> bytes:
    return b"".join(base64.b64decode(chunk.get("bytes", "")) for chunk in told[M + method]["answers"])


def test_every_method_that_the_python_client_knows_answers(told: dict[str, Any]) -> None:
    wrong = {
        method: found
        for method, found in told.items()
        if method not in EITHER and "client" not in found and found.get("status") != REFUSED.get(method)
    }
    assert not wrong
    assert len(told) > 40


def test_processes_are_those_of_proc(cluster: Cluster, told: dict[str, Any]) -> None:
    proc = cluster.node_path(cluster.nodes[0], "/proc")
    known = {process["pid"]: process for process in one(told, "processes")["processes"]}
    assert known[1]["command"] == (proc / "1/comm").read_text().strip()
    checked = 0
    for folder in proc.iterdir():
        if folder.name.isdigit() and int(folder.name) in known:
            process = known[int(folder.name)]
            stat = (folder / "stat").read_text()
            assert process["command"] == stat[stat.index("(") + 1 : stat.rindex(")")]
            assert process.get("ppid", 0) == int(stat.rpartition(")")[2].split()[1])
            checked += 1
    assert checked > 10
    names = {process["command"] for process in known.values()}
    assert {"machined", "apid", "networkd", "timed", "trustd", "kubelet", "etcd", "containerd"} <= names


def test_mounts_are_those_of_mountinfo(cluster: Cluster, told: dict[str, Any]) -> None:
    read = {line.split()[4] for line in data(told, "read").decode().splitlines()}
    listed = {mount["mountedOn"] for mount in one(told, "mounts")["stats"]}
    assert listed
    assert listed <= read
    assert {"/", "/var", "/run", "/system/state"} & read <= listed
    root = next(mount for mount in one(told, "mounts")["stats"] if mount["mountedOn"] == "/")
    status = os.statvfs(cluster.node_path(cluster.nodes[0], "/"))
    assert int(root["size"]) == status.f_blocks * status.f_frsize


def test_services_are_what_runs(cluster: Cluster, told: dict[str, Any]) -> None:
    services = {service["id"]: service for service in one(told, "service_list")["services"]}
    assert {"machined", "apid", "trustd", "containerd", "cri", "etcd", "kubelet"} <= set(services)
    running = {process.name for process in cluster.all_processes(cluster.nodes[0])}
    for id in set(services) - {"cri"}:  # a plugin of containerd's process
        assert (services[id]["state"] == "Running") is (id in running), id


def test_numbers_are_the_kernels(cluster: Cluster, told: dict[str, Any]) -> None:
    meminfo = (cluster.node_path(cluster.nodes[0], "/proc") / "meminfo").read_text()
    total = next(line.split()[1] for line in meminfo.splitlines() if line.startswith("MemTotal:"))
    assert one(told, "memory")["meminfo"]["memtotal"] == total
    assert len(one(told, "cpu_info")["cpuInfo"]) == os.cpu_count()
    assert one(told, "hostname")["hostname"] == cluster.nodes[0].name
    links = {device["name"] for device in one(told, "network_device_stats")["devices"]}
    assert {"lo", "eth0"} <= links
    boot = next(line.split()[1] for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    assert abs(int(one(told, "system_stat")["bootTime"]) - int(boot)) <= 1


def test_files_are_those_of_the_node(cluster: Cluster, told: dict[str, Any]) -> None:
    etc = cluster.node_path(cluster.nodes[0], "/etc")
    listed = {entry["relativeName"] for entry in told[M + "list"]["answers"]} - {"."}
    assert listed == {path.name for path in etc.iterdir()}
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data(told, "copy")))) as archive:
        member = archive.extractfile("hosts")
        assert member is not None
        assert member.read() == (etc / "hosts").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data(told, "kubeconfig")))) as archive:
        assert archive.getnames() == ["kubeconfig"]


def test_who_listens_on_the_api_port_is_apid(told: dict[str, Any]) -> None:
    records = one(told, "netstat")["connectrecord"]
    listening = {record["localport"]: record.get("process", {}).get("name") for record in records}
    assert listening[50000] == "apid"
    assert listening[50001] == "trustd"
    assert listening[2379] == "etcd"
    assert listening[10250] == "kubelet"


def test_etcds_snapshot_is_a_database_and_its_member_the_node(cluster: Cluster, told: dict[str, Any]) -> None:
    (member,) = one(told, "etcd_member_list")["members"]
    assert member["hostname"] == cluster.nodes[0].name
    assert member["id"] == one(told, "etcd_status")["memberStatus"]["memberId"]
    assert data(told, "etcd_snapshot")[16:20] == bytes.fromhex("edda0ced")  # bbolt's magic, little endian

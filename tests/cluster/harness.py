"""What the tests do with a cluster: the same programs that a person uses, and a look at the host from outside."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from talos.linux.mount import mounts
from talos.provision import cgroup
from talos.provision.model import ClusterDirectory, ClusterModel

REPOSITORY = Path(__file__).resolve().parents[2]
TALOSCTL = REPOSITORY / ".venv" / "bin" / "talosctl"
KUBECTL = REPOSITORY / "_out" / "bin" / "kubectl"
COREDNS_IMAGE = "registry.k8s.io/coredns/coredns:v1.14.7"

T = TypeVar("T")


def eventually(check: Callable[[], T], timeout_s: float = 60.0, interval_s: float = 0.3) -> T:
    """The result of check once it neither raises nor is false; its last failure after the time-out."""
    deadline = time.monotonic() + timeout_s
    while True:
        failure: BaseException
        try:
            result = check()
            if result or result is None:
                return result
            failure = AssertionError(f"{check} said {result!r}")
        except (AssertionError, subprocess.CalledProcessError, OSError, KeyError, IndexError) as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure
        time.sleep(interval_s)


def run(
    *arguments: str | Path, check: bool = True, timeout_s: float = 120.0, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program; its output is part of the failure."""
    done = subprocess.run([str(item) for item in arguments], text=True, capture_output=True, timeout=timeout_s, **more)
    if check and done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise AssertionError(
            f"{' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done


@dataclass
class Cluster:
    """A running cluster."""

    name: str
    state: Path
    talosconfig: Path
    kubeconfig: Path

    @property
    def directory(self) -> ClusterDirectory:
        return ClusterDirectory(self.state, self.name)

    @property
    def model(self) -> ClusterModel:
        return self.directory.load()

    @property
    def control_plane(self) -> str:
        """Address of the first control plane node."""
        return self.model.control_planes[0].address

    @property
    def workers(self) -> list[str]:
        """Addresses of the workers."""
        return [node.address for node in self.model.nodes if node.role == "worker"]

    def talosctl(
        self, *arguments: str, check: bool = True, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        return run(TALOSCTL, "--talosconfig", self.talosconfig, *arguments, check=check, timeout_s=timeout_s)

    def kubectl(self, *arguments: str, check: bool = True, timeout_s: float = 120.0, **more: Any) -> str:
        return run(
            KUBECTL, "--kubeconfig", self.kubeconfig, *arguments, check=check, timeout_s=timeout_s, **more
        ).stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """kubectl get -o json."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def apply(self, manifest: str) -> None:
        self.kubectl("apply", "-f", "-", input=manifest)

    def nodes_ready(self) -> bool:
        items = self.get("nodes")["items"]
        ready = [item for item in items if condition(item, "Ready") == "True"]
        return len(ready) == len(self.model.nodes)

    def system_pods_running(self) -> bool:
        pods = self.get("pods", "-n", "kube-system")["items"]
        return bool(pods) and all(condition(pod, "Ready") == "True" for pod in pods)

    def restarts(self) -> dict[str, int]:
        """Container restarts by pod, of all namespaces."""
        return {
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": sum(
                status["restartCount"] for status in pod["status"].get("containerStatuses", [])
            )
            for pod in self.get("pods", "-A")["items"]
        }

    def processes(self, node: str) -> dict[str, list[int]]:
        """Host PIDs of a node's own processes (not those of pods) by the base name of argv[0]."""
        found: dict[str, list[int]] = {}
        group = f"{self.directory.cgroup}/{node}"
        for pid in sorted(cgroup.processes(group)):
            with contextlib.suppress(OSError):
                membership = Path(f"/proc/{pid}/cgroup").read_text()
                if "kubepods" in membership:
                    continue
                first = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
                if first:
                    found.setdefault(first.rpartition("/")[2], []).append(pid)
        return found


def condition(item: dict[str, Any], kind: str) -> str:
    """Status of a condition, empty if absent."""
    return next((c["status"] for c in item["status"].get("conditions", []) if c["type"] == kind), "")


def host_state() -> dict[str, set[str]]:
    """Everything on the host that a cluster could leave behind."""
    return {
        "links": {path.name for path in Path("/sys/class/net").iterdir()},
        "mounts": {entry.target for entry in mounts()},
        "loops": {str(path.parent) for path in Path("/sys/block").glob("loop*/loop")},
        "nft": set(run("nft", "list", "tables").stdout.splitlines()),
        "cgroups": {str(path) for root in cgroup.hierarchies() for path in root.glob("talos-*")},
        "netns": {path.name for path in Path("/run/netns").iterdir()} if Path("/run/netns").exists() else set(),
        "monitors": {str(pid) for pid in _monitors()},
        "settings": {
            f"{path}={Path(path).read_text().strip()}"
            for path in ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/inotify/max_user_instances")
        },
    }


def _monitors() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if b"talos.provision.monitor" in (entry / "cmdline").read_bytes():
                    yield int(entry.name)

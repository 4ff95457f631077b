"""`talosctl cluster create qemu` as the boot tests use it: a cluster by command line, in a state folder of its own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from talos.provision import monitors
from talos.provision.model import ClusterDirectory, NodeModel

from .installed import documents
from .machine import BOOT, BOOT_TIMEOUT_S, TALOSCTL


class Cluster:
    """One cluster. `folder` gets its state, talosconfig and kubeconfig."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.state = name, folder / "state"
        self.talosconfig, self.kubeconfig = folder / "talosconfig", folder / "kubeconfig"
        self.directory = ClusterDirectory(self.state, name)

    def run(self, *words: str | Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """talosctl; the caller judges."""
        return subprocess.run([TALOSCTL, *words], capture_output=True, text=True, timeout=timeout_s, check=False)

    def cluster(self, command: str, *words: str, timeout_s: float = 120) -> str:
        """`talosctl cluster COMMAND`, which must succeed; all that it said."""
        where = ("--name", self.name, "--state", str(self.state))
        done = self.run("cluster", *command.split(), *where, *words, timeout_s=timeout_s)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def create(self, *words: str, command: str = "create qemu", timeout_s: float = 120) -> str:
        files = ("--talosconfig", str(self.talosconfig), "--kubeconfig-destination", str(self.kubeconfig))
        return self.cluster(command, "--image", str(BOOT), *files, *words, timeout_s=timeout_s)

    def destroy(self) -> None:
        """Idempotent."""
        if self.directory.exists():
            self.cluster("destroy")

    @property
    def node(self) -> NodeModel:
        """The first control plane node."""
        return self.directory.load().nodes[0]

    def talosctl(self, *words: str | Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Asked of the first node, as its administrator; the caller judges."""
        address = self.node.address
        config = ("--talosconfig", self.talosconfig, "-n", address, "-e", address)
        return self.run(*config, *words, timeout_s=timeout_s)

    def until(self, *words: str | Path, timeout_s: float = BOOT_TIMEOUT_S) -> str:
        """The answer of a command to the first node's administrator, repeated until it works."""
        address = self.node.address
        config = ("--talosconfig", self.talosconfig, "-n", address, "-e", address)
        return self.until_run(*config, *words, timeout_s=timeout_s)

    def until_run(self, *words: str | Path, timeout_s: float = BOOT_TIMEOUT_S) -> str:
        """The same of any talosctl."""
        end = time.monotonic() + timeout_s
        while (done := self.run(*words)).returncode != 0:
            alive = monitors.find(self.directory)
            assert alive and time.monotonic() < end, f"{done.stderr}: …{self.console[-3000:]}"
            time.sleep(1)
        return done.stdout

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """specs of `talosctl get KIND`."""
        return [document["spec"] for document in documents(self.until("get", kind, "-o", "json"))]

    def of(self, node: NodeModel, *words: str) -> str:
        """The answer of a command to any node, asked of the first one."""
        return self.until_run("--talosconfig", self.talosconfig, "-e", self.node.address, "-n", node.address, *words)

    def wait_ready(self, kubectl: Path, timeout_s: float, names: Collection[str] = ()) -> None:
        """Until Kubernetes says that every node is Ready, and that these are among them."""
        end = time.monotonic() + timeout_s
        command = [kubectl, "--kubeconfig", self.kubeconfig, "get", "nodes", "-o", "json", "--request-timeout=30s"]
        while True:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            if done.returncode == 0:
                ready = {
                    node["metadata"]["name"]: {c["type"]: c["status"] for c in node["status"]["conditions"]}.get(
                        "Ready"
                    )
                    for node in json.loads(done.stdout)["items"]
                }
                if ready and ready.keys() >= set(names) and set(ready.values()) == {"True"}:
                    return
            assert time.monotonic() < end, f"not Ready: {done.stdout[-500:]}{done.stderr}: …{self.console[-3000:]}"
            time.sleep(2)

    @property
    def console(self) -> str:
        file = self.directory.node(f"{self.name}-controlplane-1").console
        return file.read_text(errors="replace") if file.exists() else ""

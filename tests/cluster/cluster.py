"""A local cluster as the tests see it: talosctl and kubectl as a person types them, and the host's view of its nodes.

Nothing here waits for a time: a wait has a condition and a deadline far beyond what a quiet machine takes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from talos.provision.model import NodeModel
from tests.cluster import harness

CHECKOUT = Path(__file__).parents[2]
IMAGE = CHECKOUT / "_out/image/root.squashfs"
KUBECTL = CHECKOUT / "_out/bin/kubectl"
TALOSCTL = CHECKOUT / ".venv/bin/talosctl"

T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str, timeout_s: float = 120.0, pause_s: float = 0.25) -> T:
    """The first true value of `condition`; fails the test with `what` and the last exception when time is over."""
    deadline = time.monotonic() + timeout_s
    last: Exception | None = None
    while True:
        try:
            if result := condition():
                return result
            last = None
        except Exception as error:
            last = error
        if time.monotonic() > deadline:
            pytest.fail(f"after {timeout_s:.0f} s not so: {what}" + (f" ({last})" if last else ""))
        time.sleep(pause_s)


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def run(*command: str | Path, timeout_s: float = 300.0, env: dict[str, str] | None = None, **options: Any) -> Done:
    """Run a command to its end, whatever its exit code."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=None if "input" in options else subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        **options,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Process:
    """A process of a node in the host's numbers. pid and started together name it for ever (proc_pid_stat(5))."""

    pid: int
    started: int
    group: str  # control group below the node's, "/system/apid"
    command: str

    @property
    def name(self) -> str:
        """The program's own name: machined, kubelet, …"""
        return Path(self.command.split(" ", 1)[0]).name


class Cluster(harness.Cluster):
    """One cluster of `talosctl cluster create`. talosctl and kubectl come in two forms: those of the base class have to
    succeed, try_talosctl and try_kubectl leave the judgement to the test."""

    # --- life

    def create(self, *arguments: str | Path, timeout_s: float = 400.0) -> Done:
        """Create it; fails the test with what talosctl said."""
        done = self.try_create(*arguments, timeout_s=timeout_s)
        if done.code != 0:
            pytest.fail(f"talosctl cluster create ended with {done.code}:\n{done.text}")
        return done

    def try_create(self, *arguments: str | Path, timeout_s: float = 400.0, **options: Any) -> Done:
        """Create it; the caller judges."""
        self.state.mkdir(parents=True, exist_ok=True)
        return run(
            *(TALOSCTL, "cluster", "create", "--name", self.name, "--state", self.state),
            *("--talosconfig-destination", self.talosconfig, "--kubeconfig-destination", self.kubeconfig),
            *("--wait-timeout", "300s"),
            *arguments,
            timeout_s=timeout_s,
            **options,
        )

    def destroy(self) -> None:
        """Remove it. Idempotent."""
        if self.directory.exists():
            done = run(TALOSCTL, "cluster", "destroy", "--name", self.name, "--state", self.state)
            assert done.code == 0, f"destroy failed: {done.text}"

    @property
    def nodes(self) -> list[NodeModel]:
        """Control plane first."""
        return self.model.nodes

    @property
    def addresses(self) -> str:
        """Of all nodes, as --nodes takes them."""
        return ",".join(node.address for node in self.nodes)

    # --- as a person

    def try_talosctl(self, *arguments: str | Path, timeout_s: float = 300.0, **options: Any) -> Done:
        """talosctl with this cluster's talosconfig; the caller judges the exit code."""
        return run(TALOSCTL, *arguments, timeout_s=timeout_s, env={"TALOSCONFIG": str(self.talosconfig)}, **options)

    def ok(self, *arguments: str | Path, retry_s: float = 0.0, **options: Any) -> str:
        """Standard output of a talosctl that has to succeed, within `retry_s` seconds if that is given."""
        deadline = time.monotonic() + retry_s
        while (done := self.try_talosctl(*arguments, **options)).code != 0 and time.monotonic() < deadline:
            time.sleep(0.5)
        assert done.code == 0, f"talosctl {' '.join(map(str, arguments))} ended with {done.code}:\n{done.text}"
        return done.out

    def try_kubectl(self, *arguments: str | Path, timeout_s: float = 120.0, **options: Any) -> Done:
        """kubectl with this cluster's administrator; the caller judges."""
        return run(KUBECTL, "--kubeconfig", self.kubeconfig, *arguments, timeout_s=timeout_s, **options)

    def resources(self, node: NodeModel, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """Resources of one node as `talosctl get -o json` prints them."""
        text = self.ok("get", kind, *arguments, "--nodes", node.address, "-o", "json")
        return list(documents(text))

    def ready_names(self) -> set[str]:
        """Names of the nodes that are Ready."""
        items = self.get("nodes")["items"]
        return {item["metadata"]["name"] for item in items if harness.condition(item, "Ready") == "True"}

    def wait_ready(self, timeout_s: float = 180.0) -> None:
        """Until every node is Ready."""
        wait_for(self.nodes_ready, "all nodes are Ready", timeout_s, pause_s=1)

    def unready_pods(self) -> list[str]:
        """Pods of the system that do not run with all containers ready, as name: why."""
        found = []
        for pod in self.get("pods", "-n", "kube-system")["items"]:
            status = pod["status"]
            containers = status.get("containerStatuses", [])
            if status["phase"] != "Running" or not containers or not all(c["ready"] for c in containers):
                states = {c["name"]: c.get("state") for c in containers}
                found.append(f"{pod['metadata']['name']}: {status['phase']} {states}")
        return found

    def wait_pods(self, timeout_s: float = 180.0) -> None:
        """Until every pod of the system runs and is ready."""

        def settled() -> bool:
            unready = self.unready_pods()
            if unready:
                raise AssertionError("; ".join(unready))
            return True

        wait_for(settled, "the pods of kube-system run", timeout_s, pause_s=1)

    def services(self, node: NodeModel) -> dict[str, tuple[str, str]]:
        """State and health of each service of a node."""
        rows = [line.split() for line in self.ok("services", "--nodes", node.address).splitlines()[1:]]
        return {row[1]: (row[2], row[3]) for row in rows}

    def wait_services(self, node: NodeModel, timeout_s: float = 120.0) -> None:
        """Until every service of a node runs and is healthy."""

        def settled() -> bool:
            services = self.services(node)
            bad = {name: state for name, state in services.items() if state != ("Running", "OK")}
            if bad or not services:
                raise AssertionError(str(bad or "no services"))
            return True

        wait_for(settled, f"all services of {node.name} run and are healthy", timeout_s, pause_s=0.5)

    # --- as the host

    def init_pid(self, node: NodeModel) -> int:
        """The host's number of the node's PID 1."""
        return int(json.loads(self.directory.node(node.name).monitor_status.read_text())["init_pid"])

    def boots(self, node: NodeModel) -> int:
        return int(json.loads(self.directory.node(node.name).monitor_status.read_text())["boots"])

    def node_path(self, node: NodeModel, path: str) -> Path:
        """A path as the node sees it."""
        return Path(f"/proc/{self.init_pid(node)}/root{path}")

    def log(self, node: NodeModel, name: str) -> str:
        """A log file of a node below /var/log, read from the host."""
        return (self.directory.node(node.name).ephemeral / "log" / name).read_text(errors="replace")

    def all_processes(self, node: NodeModel) -> set[Process]:
        """Every process in a node's control group, those of its pods too."""
        base = Path("/sys/fs/cgroup")
        if not (base / "cgroup.controllers").exists():
            base /= "pids"
        base = base / self.directory.cgroup / node.name
        return set(_processes(base))

    def process(self, node: NodeModel, name: str) -> Process:
        """The one process of that name that is a node service (not in a pod)."""
        found = [p for p in self.all_processes(node) if p.name == name and "/kubepods" not in p.group]
        assert len(found) == 1, f"{name} on {node.name}: {found}"
        return found[0]

    def logs(self, lines: int = 15) -> str:
        """Ends of consoles and logs, for the report of a failed test."""
        from talos.provision.create import collect_logs

        with contextlib.suppress(Exception):
            parts = [
                f"--- {source}\n" + "\n".join(line[:400] for line in tail[-lines:])
                for source, tail in collect_logs(self.directory, self.model).items()
            ]
            return "\n".join(parts)
        return "no logs"


def at(state: Path, name: str) -> Cluster:
    """The cluster of that name, its credentials in files beside its folder."""
    return Cluster(name, state, state / f"{name}.talosconfig", state / f"{name}.kubeconfig")


def documents(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects one after another."""
    decoder, position = json.JSONDecoder(), 0
    while match := re.compile(r"\s*(?=\{)").match(text, position):
        value, position = decoder.raw_decode(text, match.end())
        yield value


def _processes(base: Path) -> Iterator[Process]:
    for file in base.rglob("cgroup.procs"):
        group = str(file.parent).removeprefix(str(base)) or "/"
        with contextlib.suppress(OSError):
            for pid in file.read_text().split():
                with contextlib.suppress(OSError):
                    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ").replace(b"\0", b" ").decode()
                    if stat[0] not in ("Z", "X") and command:
                        yield Process(int(pid), int(stat[19]), group, command)

"""Figures of a real local cluster: how fast it stands, how much memory a control plane node takes."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from bench import apply, command_line
from bench.memory import node_memory
from talos.client import Client, TalosConfig
from talos.client.errors import ApiError

ROOT = Path(__file__).resolve().parent.parent
TALOSCTL = str(ROOT / ".venv" / "bin" / "talosctl")
KUBECTL = str(ROOT / "_out" / "bin" / "kubectl")
IDLE_S = 30.0
API_PORT = 50000
# CoreDNS' own image answers HTTP on its health plugin: nothing has to be pulled or loaded for this workload.
WORKLOAD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {Corefile: ".:5353 {\\n health :8080\\n}\\n"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: IMAGE
        args: [-conf, /etc/web/Corefile]
        volumeMounts: [{name: web, mountPath: /etc/web}]
        readinessProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 1}
      volumes: [{name: web, configMap: {name: web}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
"""


def run(*argv: str, text: str | None = None) -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)} failed: {done.stdout}{done.stderr}")
    return done.stdout


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}:30080/health", timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def coredns_ready(kubectl: list[str]) -> bool:
    out = run(*kubectl, "-n", "kube-system", "get", "deployment", "coredns", "-o", "jsonpath={.status.readyReplicas}")
    return out.strip() not in ("", "0")


def first_node(folder: Path) -> tuple[str, int]:
    """Address and host PID of PID 1 of a cluster's first control plane node."""
    node = json.loads((folder / "cluster.json").read_text())["nodes"][0]
    return node["address"], int((folder / "nodes" / node["name"] / "init.pid").read_text())


def started_at(pid: int) -> float:
    """When a process started, on the monotonic clock; to 10 ms (proc(5), field 22 of stat)."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK") - time.clock_gettime(time.CLOCK_BOOTTIME) + time.monotonic()


def listens(address: str) -> bool:
    """Whether the API takes connections. A node without its link answers nothing: not to be waited for."""
    try:
        socket.create_connection((address, API_PORT), timeout=0.02).close()
    except OSError:
        return False
    return True


async def first_version(config: TalosConfig, address: str) -> float:
    """The moment of the first Version call that a node answers. Until something listens, no more than a connection is
    tried: whole calls would take from the node the processor that it starts with."""
    while not listens(address):  # noqa: ASYNC110 - nothing in this process knows when
        await asyncio.sleep(0.005)
    async with Client.from_config(config, endpoints=[address]) as client:
        while True:
            try:
                await client.call("/machine.MachineService/Version", timeout=5)
                return time.monotonic()
            except (ApiError, OSError):
                await asyncio.sleep(0.005)


def api_answers(name: str) -> float:
    """Seconds from the start of a lone control plane node's PID 1 to its first answered call."""
    with tempfile.TemporaryDirectory() as folder:
        common = ["--name", name, "--state", f"{folder}/state"]
        try:
            run(
                TALOSCTL,
                "cluster",
                "create",
                *common,
                "--workers",
                "0",
                "--no-wait",
                "--skip-kubeconfig",
                "--talosconfig-destination",
                f"{folder}/talosconfig",
            )
            pid_file = Path(f"{folder}/state/{name}/nodes")
            while not list(pid_file.glob("*/init.pid")):
                time.sleep(0.005)
            address, init = first_node(Path(f"{folder}/state", name))
            config = TalosConfig.parse(Path(f"{folder}/talosconfig").read_text())
            answered = asyncio.run(asyncio.wait_for(first_version(config, address), 60))
            return answered - started_at(init)
        finally:
            subprocess.run([TALOSCTL, "cluster", "destroy", *common], capture_output=True, timeout=120)


def measure(name: str) -> dict[str, Any]:
    """One cluster of three nodes, made, measured and removed."""
    with tempfile.TemporaryDirectory() as folder:
        talosconfig, kubeconfig, state = (f"{folder}/{f}" for f in ("talosconfig", "kubeconfig", "state"))
        common = ["--name", name, "--state", state]
        began = time.monotonic()
        try:
            run(
                TALOSCTL,
                "cluster",
                "create",
                *common,
                "--controlplanes",
                "1",
                "--workers",
                "2",
                "--talosconfig-destination",
                talosconfig,
                "--kubeconfig-destination",
                kubeconfig,
            )
            nodes_ready = time.monotonic() - began
            kubectl = [KUBECTL, "--kubeconfig", kubeconfig]
            image = run(
                *kubectl,
                "-n",
                "kube-system",
                "get",
                "deployment",
                "coredns",
                "-o",
                "jsonpath={.spec.template.spec.containers[0].image}",
            )
            run(*kubectl, "apply", "-f", "-", text=WORKLOAD.replace("IMAGE", image))
            address, init = first_node(Path(state, name))
            while not (answers(address) and coredns_ready(kubectl)):
                if time.monotonic() - began > 300:
                    raise SystemExit("the Deployment did not answer through its Service within 300 s")
                time.sleep(0.1)
            service = time.monotonic() - began
            time.sleep(float(os.environ.get("BENCH_IDLE_S", IDLE_S)))
            memory = node_memory(init)
            commands = command_line.measure(talosconfig)
            worker = json.loads((Path(state, name) / "cluster.json").read_text())["nodes"][-1]
            applied = apply.measure(talosconfig, kubectl, worker["address"], worker["name"])
        finally:
            subprocess.run([TALOSCTL, "cluster", "destroy", *common], capture_output=True, timeout=120)
    return {
        "nodes_ready_s": nodes_ready,
        "service_s": service,
        "api_answers_s": api_answers(f"{name}a"),
        "own_mib": memory.pop("own"),
        "all_mib": memory.pop("all"),
        "by_name": memory,
        **commands,
        **applied,
    }


def median(samples: list[dict[str, Any]]) -> dict[str, float]:
    keys = [key for key, value in samples[0].items() if isinstance(value, float)]
    return {key: statistics.median(sample[key] for sample in samples) for key in keys}

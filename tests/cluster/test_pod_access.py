"""The machine API for pods, as a backup job has it: a manifest through `talosctl inject serviceaccount`, and the
credentials that its pod is given."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from talos.client import TalosConfig
from tests.cluster.cluster import TALOSCTL, Cluster, Done, run, wait_for
from tests.cluster.harness import COREDNS_IMAGE

HEAD = "apiVersion: v1alpha1\nkind: KubeTalosAPIAccessConfig\n"
ACCESS = HEAD + "allowedRoles: [os:reader, os:etcd:backup]\nallowedKubernetesNamespaces: [backups]\n"
NAME = "job-talos-secrets"
POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: job, namespace: backups}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: job
      image: {COREDNS_IMAGE}
      args: [-conf, /var/run/secrets/talos.dev/none]
"""
# From inside the node's network, by the name that pods use: the certificate has to have it.
CONNECT = """
import socket, ssl, sys
context = ssl.create_default_context(cadata=sys.stdin.read())
with socket.create_connection((sys.argv[1], 50000), 10) as plain:
    with context.wrap_socket(plain, server_hostname="talos.default") as tls:
        print(tls.version())
"""


@pytest.fixture(scope="module")
def access(cluster: Cluster) -> Iterator[Cluster]:
    node = cluster.nodes[0].address
    cluster.ok("patch", "machineconfig", "--nodes", node, "--patch", ACCESS)
    cluster.kubectl("create", "namespace", "backups")
    wait_for(lambda: cluster.try_kubectl("get", "crd", "serviceaccounts.talos.dev").code == 0, "the kind")
    yield cluster
    cluster.kubectl("delete", "namespace", "backups")
    cluster.ok("patch", "machineconfig", "--nodes", node, "--patch", HEAD + "$patch: delete\n")
    wait_for(lambda: cluster.try_kubectl("get", "crd", "serviceaccounts.talos.dev").code != 0, "the kind to go")


def inject(cluster: Cluster, tmp_path: Path, *roles: str) -> None:
    cluster.apply(cluster.ok("inject", "serviceaccount", "--file", _pod(tmp_path), "--roles", ",".join(roles)))


@pytest.fixture(scope="module")
def talosconfig(access: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies in the pod's /var/run/secrets/talos.dev/config."""
    folder = tmp_path_factory.mktemp("pod")
    inject(access, folder, "os:reader")
    wait_for(lambda: access.try_kubectl("--namespace", "backups", "get", "secret", NAME).code == 0, "the Secret")
    path = folder / "config"
    path.write_bytes(b64decode(access.get("secret", NAME, "-n", "backups")["data"]["config"]))
    return path


def as_pod(talosconfig: Path, cluster: Cluster, *arguments: str) -> Done:
    node = cluster.nodes[0].address
    return run(TALOSCTL, "--talosconfig", talosconfig, "--endpoints", node, "--nodes", node, *arguments)


def test_a_pod_reads_and_may_do_nothing_else(access: Cluster, talosconfig: Path) -> None:
    read = as_pod(talosconfig, access, "get", "members", "-o", "json")
    assert read.code == 0, read.text
    refused = as_pod(talosconfig, access, "reboot", "--wait=false")
    assert refused.code != 0 and "not authorized" in refused.text
    assert as_pod(talosconfig, access, "etcd", "snapshot", str(talosconfig.with_name("snapshot"))).code != 0


def test_the_pod_starts_with_its_secret(access: Cluster, talosconfig: Path) -> None:
    def mounted() -> bool:
        pod = access.get("pod", "job", "-n", "backups")
        conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", ())}
        return conditions.get("PodReadyToStartContainers") == "True"

    wait_for(mounted, "the pod's volumes")


def test_the_audit_log_names_the_account(access: Cluster, talosconfig: Path) -> None:
    assert as_pod(talosconfig, access, "version").code == 0
    text = access.ok("audit", "--nodes", access.nodes[0].address, "-o", "json")
    who = {(json.loads(line).get("caller") or {}).get("name") for line in text.splitlines()}
    assert f"serviceaccount:backups/{NAME}" in who, who


def test_the_service_leads_to_an_api_that_has_its_name(access: Cluster, talosconfig: Path) -> None:
    address = access.get("service", "talos", "-n", "default")["spec"]["clusterIP"]
    authority = TalosConfig.load(talosconfig).select().ca.decode()
    worker = access.init_pid(access.nodes[1])
    command = ("nsenter", "--net", "--target", str(worker), "python3", "-c", CONNECT, address)

    def connected() -> bool:
        return run(*command, input=authority).code == 0

    wait_for(connected, "talos.default from a worker")


def test_a_role_that_is_not_allowed_is_told(access: Cluster, talosconfig: Path, tmp_path: Path) -> None:
    manifest = yaml.safe_load_all(access.ok("inject", "tsa", "--file", _pod(tmp_path), "--roles", "os:admin"))
    asked = next(iter(manifest)) | {"metadata": {"name": "root", "namespace": "backups"}}
    access.apply(yaml.safe_dump(asked))

    def told() -> bool:
        status = access.get("serviceaccounts.talos.dev", "root", "-n", "backups").get("status") or {}
        return status.get("failureReason") == "Roles not allowed: [os:admin]"

    wait_for(told, "the reason")
    assert access.try_kubectl("--namespace", "backups", "get", "secret", "root").code != 0


def _pod(folder: Path) -> Path:
    path = folder / "pod.yaml"
    path.write_text(POD)
    return path

"""Who did what, who may, and for how long: names, audit log, grants, revocation and renewal on real nodes."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.hashes import SHA256

from talos.config import Config
from talos.config.secrets import Bundle
from talos.pki import certificates
from talos.pki.certificates import Usage
from talos.provision.model import NodeModel
from tests.cluster.cluster import TALOSCTL, Cluster, Done, run, wait_for

HEAD = "apiVersion: pytalos.dev/v1alpha1\nkind: "
GRANT = HEAD + "GrantConfig\nname: test\nsubjects: [alice]\nmethods: [os:reader, Logs]\n"


@pytest.fixture(scope="module")
def alice(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Client configuration of an administrator with a name."""
    path = tmp_path_factory.mktemp("alice") / "talosconfig"
    cluster.ok("config", "new", "--name", "alice", "--nodes", cluster.nodes[0].address, path)
    return path


def as_(config: Path, *arguments: str | Path) -> Done:
    return run(TALOSCTL, "--talosconfig", config, *arguments)


def records(cluster: Cluster, node: NodeModel, *filters: str) -> list[dict[str, Any]]:
    text = cluster.ok("audit", "--nodes", node.address, "-o", "json", *filters)
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def patched(cluster: Cluster) -> Iterator[Callable[[NodeModel, str], None]]:
    """patched(node, document): the node has it until the end of the test."""
    done: list[tuple[NodeModel, str]] = []

    def patch(node: NodeModel, document: str) -> None:
        cluster.ok("patch", "machineconfig", "--nodes", node.address, "--patch", document)
        head = yaml.safe_load(document)
        gone = {key: head[key] for key in ("apiVersion", "kind", "name")} | {"$patch": "delete"}
        done.append((node, yaml.safe_dump(gone, sort_keys=False)))

    yield patch
    for node, removal in done:
        cluster.ok("patch", "machineconfig", "--nodes", node.address, "--patch", removal)


def test_a_call_is_recorded_under_the_persons_name_on_every_node_that_it_passes(cluster: Cluster, alice: Path) -> None:
    first, last = cluster.nodes[0], cluster.nodes[-1]
    done = as_(alice, "--endpoints", first.address, "--nodes", last.address, "service", "kubelet", "status")
    assert done.code == 0, done.text
    method = ("--name", "alice", "--method", "ServiceList")
    passed_on, served = records(cluster, first, *method)[-1], records(cluster, last, *method)[-1]
    assert passed_on["call"] == served["call"]
    assert passed_on["nodes"] == [last.address]
    assert passed_on["caller"] == served["caller"] and len(served["caller"]["fingerprint"]) == 64
    assert served["forwarded_by"]["name"] == first.name
    assert served["node"] == last.name and served["roles"] == ["os:admin"] and served["code"] == "OK"
    assert served["peer"].startswith(cluster.model.gateway)


def test_a_refused_call_and_what_was_asked_are_in_the_log(cluster: Cluster, alice: Path) -> None:
    node = cluster.nodes[0]
    assert as_(alice, "--nodes", node.address, "service", "nosuch", "stop").code != 0
    stopped = records(cluster, node, "--name", "alice", "--method", "ServiceStop")
    assert [record["event"] for record in stopped[-2:]] == ["started", "call"]
    assert stopped[-2]["request"] == {"id": "nosuch"}
    assert records(cluster, node, "--failed", "--name", "alice")[-1]["method"].endswith("ServiceStop")


def test_the_chain_holds_over_a_killed_machined(cluster: Cluster) -> None:
    node = cluster.nodes[-1]
    cluster.ok("version", "--nodes", node.address)
    before = records(cluster, node)
    os.kill(cluster.process(node, "machined").pid, signal.SIGKILL)
    cluster.ok("version", "--nodes", node.address, retry_s=60)
    after = records(cluster, node)
    assert after[: len(before)] == before
    assert "resumed" in [record["event"] for record in after[len(before) :]]
    done = cluster.try_talosctl("audit", "--verify", "--nodes", cluster.addresses)
    assert done.code == 0, done.text
    assert done.out.count("unbroken") == len(cluster.nodes)


@pytest.mark.parametrize("change", ["flipped", "reordered"])
def test_a_changed_log_is_found(cluster: Cluster, change: str) -> None:
    """In place and put back: what changes the file's length the node itself notes, for ever (see the unit tests)."""
    node = cluster.nodes[0]
    for _ in range(3):
        cluster.ok("version", "--nodes", node.address)
    path = cluster.directory.node(node.name).ephemeral / "log/audit/api.log"
    head = cluster.resources(node, "audithead")[0]["spec"]
    verify = ("audit", "--verify", "--anchor", f"{head['seq']}:{head['hash']}", "--nodes", node.address)
    assert cluster.try_talosctl(*verify).code == 0
    lines = path.read_bytes().splitlines(keepends=True)
    at = len(lines) // 2
    start, pair = sum(map(len, lines[:at])), lines[at] + lines[at + 1]
    changed = pair.replace(b'"event":', b'"evenT":', 1) if change == "flipped" else lines[at + 1] + lines[at]
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), changed, start)
        try:
            done = cluster.try_talosctl(*verify)
        finally:
            os.pwrite(file.fileno(), pair, start)
    assert done.code == 1, done.text
    assert f"broken at record {at + 1}:" in done.err or (change == "reordered" and f"record {at + 2}:" in done.err)
    assert cluster.try_talosctl(*verify).code == 0


def test_grants_cut_a_name_to_what_they_list(
    cluster: Cluster, alice: Path, patched: Callable[[NodeModel, str], None]
) -> None:
    node, other = cluster.nodes[-1], cluster.nodes[0]
    patched(node, GRANT)
    wait_for(lambda: as_(alice, "--nodes", node.address, "read", "/etc/hosts").code != 0, "the grant is in force", 30)
    done = as_(alice, "--nodes", node.address, "read", "/etc/hosts")
    assert "not authorized: no grant for alice covers it" in done.err
    assert as_(alice, "--nodes", node.address, "version").code == 0
    assert as_(alice, "--nodes", other.address, "read", "/etc/hosts").code == 0  # each node decides for itself
    assert cluster.try_talosctl("read", "/etc/hosts", "--nodes", node.address).code == 0  # no name, no grant about it
    why = as_(alice, "--nodes", node.address, "auth", "why", "Reboot")
    assert "grant test: does not list the method" in why.out and "refused" in why.out
    assert as_(alice, "--nodes", node.address, "auth", "can-i", "Reboot").code == 1
    assert as_(alice, "--nodes", node.address, "auth", "can-i", "Version").out.strip() == "yes"


def test_resource_types_can_be_granted(
    cluster: Cluster, alice: Path, patched: Callable[[NodeModel, str], None]
) -> None:
    node = cluster.nodes[-1]
    patched(node, GRANT + "resources: [Services.*]\n")
    get = ("--nodes", node.address, "get")
    wait_for(lambda: as_(alice, *get, "hostname").code != 0, "the grant is in force", 30)
    assert as_(alice, *get, "services").code == 0
    assert as_(alice, "--nodes", node.address, "auth", "can-i", "Get", "--resource", "hostname").code == 1


@pytest.mark.parametrize("where", [0, -1])
def test_a_revoked_certificate_is_cut_off_from_its_open_stream(
    cluster: Cluster, tmp_path: Path, patched: Callable[[NodeModel, str], None], where: int
) -> None:
    target, config = cluster.nodes[-1], tmp_path / "talosconfig"
    cluster.ok("config", "new", "--name", "mallory", "--nodes", cluster.nodes[0].address, config)
    base = (TALOSCTL, "--talosconfig", config, "--endpoints", cluster.nodes[0].address, "--nodes", target.address)
    with subprocess.Popen([*base, "logs", "-f", "apid"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as following:
        assert following.stdout is not None and following.stderr is not None
        assert following.stdout.readline()
        document = yaml.safe_load(config.read_text())
        crt = base64.b64decode(document["contexts"][document["context"]]["crt"])
        digest = certificates.load_certificate(crt).fingerprint(SHA256()).hex()
        patched(cluster.nodes[where], f"{HEAD}RevocationConfig\nname: lost\nfingerprints: ['{digest}']\n")
        assert following.wait(20) != 0
        assert b"revoked" in following.stderr.read()
    done = run(*base, "version")
    assert done.code != 0 and "the certificate is revoked" in done.text
    assert cluster.try_talosctl("version", "--nodes", target.address).code == 0


def test_a_certificate_near_its_end_is_renewed_behind_a_command(cluster: Cluster, tmp_path: Path) -> None:
    bundle = Bundle.from_config(Config.decode(cluster.directory.node(cluster.nodes[0].name).user_data.read_text()))
    old = certificates.issue_pair(
        bundle.certs.os.pair,
        common_name="bob",
        organizations=["os:reader"],
        usage=Usage.CLIENT,
        validity=timedelta(days=90),
        now=certificates.utc_now() - timedelta(days=70),
    )
    document = yaml.safe_load(cluster.talosconfig.read_text())
    context = document["contexts"][document["context"]]
    context["crt"], context["key"] = (base64.b64encode(part).decode() for part in (old.crt, old.key))
    config = tmp_path / "talosconfig"
    config.write_text(yaml.safe_dump(document))
    base = (TALOSCTL, "--talosconfig", config, "--nodes", cluster.nodes[0].address)
    assert run(*base, "version", env={"TALOSCTL_RENEW": "off"}).code == 0
    assert yaml.safe_load(config.read_text()) == document
    done = run(*base, "version")
    assert done.code == 0 and done.err == "", done.text
    kept = yaml.safe_load(config.read_text())["contexts"][document["context"]]
    new = certificates.load_certificate(base64.b64decode(kept["crt"]))
    assert new.subject == certificates.load_certificate(old.crt).subject
    assert new.not_valid_after_utc - certificates.utc_now() > timedelta(days=89)
    assert config.stat().st_mode & 0o777 == 0o600
    assert run(*base, "version").code == 0
    renewed = records(cluster, cluster.nodes[0], "--name", "bob", "--method", "Renew")
    assert renewed[-1]["code"] == "OK"


def test_the_log_is_sent_where_the_configuration_says(
    cluster: Cluster, patched: Callable[[NodeModel, str], None]
) -> None:
    import socket

    node = cluster.nodes[-1]
    with socket.create_server((cluster.model.gateway, 0)) as server:
        server.settimeout(60)
        url = f"tcp://{cluster.model.gateway}:{server.getsockname()[1]}"
        patched(node, f"{HEAD}AuditSinkConfig\nname: siem\nurl: {url}\n")
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            connection.settimeout(60)
            cluster.ok("version", "--nodes", node.address)
            while json.loads(line := next(lines)).get("method") != "/machine.MachineService/Version":
                pass
            assert json.loads(line)["node"] == node.name

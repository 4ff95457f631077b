"""Who is let in: nobody without a certificate of this cluster's authority that is valid now, and then by role only.

A refusal is an exit code for the caller and a line in the node's log that names reason and peer.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from talos.config import Config
from talos.config.secrets import Bundle
from talos.controllers.secrets.certificate_request import RequestError, request_certificate
from talos.pki import certificates, keys, requests
from talos.pki.certificates import Pair, Usage
from tests.cluster.cluster import TALOSCTL, Cluster, Done, run, wait_for


@pytest.fixture(scope="module")
def bundle(cluster: Cluster) -> Bundle:
    """The cluster's secrets, out of the configuration that the control plane node was started with."""
    return Bundle.from_config(Config.decode(cluster.directory.node(cluster.nodes[0].name).user_data.read_text()))


@pytest.fixture
def as_client(cluster: Cluster, tmp_path: Path) -> Callable[..., Done]:
    """Runs talosctl with another certificate."""

    def call(pair: Pair, *arguments: str) -> Done:
        document = yaml.safe_load(cluster.talosconfig.read_text())
        context = document["contexts"][document["context"]]
        context["crt"], context["key"] = (base64.b64encode(part).decode() for part in (pair.crt, pair.key))
        config = tmp_path / "talosconfig"
        config.touch(0o600)
        config.write_text(yaml.safe_dump(document))
        return run(TALOSCTL, "--talosconfig", config, "--nodes", cluster.nodes[0].address, *arguments)

    return call


def logged(cluster: Cluster, service: str, since: int, *words: str) -> str:
    """Waits for a line after position `since` of the service's log that holds every word."""

    def line() -> str:
        lines = cluster.log(cluster.nodes[0], f"{service}.log")[since:].splitlines()
        return next((text for text in lines if all(word in text for word in words)), "")

    return wait_for(line, f"{service} logs {words}", 30)


def size(cluster: Cluster, service: str) -> int:
    return len(cluster.log(cluster.nodes[0], f"{service}.log"))


def test_a_client_without_certificate_is_refused_and_logged(cluster: Cluster) -> None:
    address, before = cluster.nodes[0].address, size(cluster, "apid")
    done = run(TALOSCTL, "version", "--insecure", "--nodes", address)
    assert done.code != 0
    assert "NODE:" not in done.out
    line = logged(cluster, "apid", before, "refused connection", "no client certificate")
    assert cluster.model.gateway in line


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("another authority", "client certificate not accepted"),
        ("expired", "certificate has expired"),
        ("not yet valid", "certificate is not yet valid"),
        ("for servers", "certificate purpose"),
    ],
)
def test_a_bad_certificate_is_refused_and_logged(
    cluster: Cluster, bundle: Bundle, as_client: Callable[..., Done], kind: str, reason: str
) -> None:
    authority, now, day = bundle.certs.os.pair, certificates.utc_now(), timedelta(days=1)
    pair = {
        "another authority": lambda: certificates.api_client(certificates.new_authority("talos"), ["os:admin"]),
        "expired": lambda: certificates.api_client(authority, ["os:admin"], now=now - 2 * day, validity=day),
        "not yet valid": lambda: certificates.api_client(authority, ["os:admin"], now=now + day, validity=day),
        "for servers": lambda: certificates.issue_pair(authority, organizations=["os:admin"], usage=Usage.SERVER),
    }[kind]()
    before = size(cluster, "apid")
    done = as_client(pair, "version")
    assert done.code != 0
    assert "NODE:" not in done.out
    assert done.err.strip()
    line = logged(cluster, "apid", before, "refused connection", reason)
    assert cluster.model.gateway in line


def test_the_right_certificate_is_let_in(bundle: Bundle, as_client: Callable[..., Done]) -> None:
    """Counterpart: what differs above is what is refused, not the way it is called."""
    done = as_client(certificates.api_client(bundle.certs.os.pair, ["os:admin"]), "version")
    assert done.code == 0, done.text


def test_the_api_speaks_tls_1_3_only(cluster: Cluster) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection((cluster.nodes[0].address, 50000), timeout=10) as raw,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(raw)


ADMIN_ONLY = (
    ("reset", "--wait=false", "--graceful=false"),
    ("kubeconfig", "-"),
    ("read", "/etc/hosts"),
    ("bootstrap",),
    ("get", "osrootsecret"),
)
NOT_READER = (("reboot", "--wait=false"), ("shutdown", "--wait=false"), ("service", "kubelet", "restart"))
READER = (("version",), ("services",), ("get", "members"), ("logs", "apid", "--tail", "1"), ("list", "/"))


@pytest.mark.parametrize("role", ["os:reader", "os:operator", "os:nonsense"])
def test_a_role_may_do_what_it_is_for_and_nothing_else(
    cluster: Cluster, bundle: Bundle, as_client: Callable[..., Done], role: str
) -> None:
    node = cluster.nodes[0]
    before, boots = cluster.process(node, "kubelet"), cluster.boots(node)
    pair = certificates.api_client(bundle.certs.os.pair, [role])
    refused = list(ADMIN_ONLY)
    if role != "os:operator":
        refused += NOT_READER
    if role == "os:nonsense":
        refused += READER
    for command in refused:
        done = as_client(pair, *command)
        assert done.code != 0, (command, done.out)
        assert "not authorized" in done.err, (command, done.err)
    for command in READER if role != "os:nonsense" else ():
        done = as_client(pair, *command)
        assert done.code == 0, (command, done.text)
    assert cluster.process(node, "kubelet") == before
    assert cluster.boots(node) == boots


def test_a_configuration_with_a_role_can_be_made_and_is_limited_to_it(cluster: Cluster, tmp_path: Path) -> None:
    config = tmp_path / "reader"
    cluster.ok("config", "new", "--roles", "os:reader", "--nodes", cluster.nodes[0].address, config)
    base = (TALOSCTL, "--talosconfig", config, "--nodes", cluster.nodes[0].address)
    assert run(*base, "version").code == 0
    done = run(*base, "reboot", "--wait=false")
    assert done.code != 0
    assert "not authorized" in done.err


def signed(cluster: Cluster, bundle: Bundle, token: str, organizations: list[str]) -> bytes:
    """The certificate that trustd signs for a new key of a worker. RequestError.

    The connection ends together with the event loop, before TLS has said goodbye: nothing leaks but the warning.
    """
    key = keys.encode(keys.generate(keys.Algorithm.ED25519))
    csr = requests.new_request(key, organizations=organizations, ip_addresses=[cluster.nodes[-1].address])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            asked = request_certificate([cluster.nodes[0].address], token, csr, bundle.certs.os.pair.crt)
            return asyncio.run(asked)[1]
        finally:
            gc.collect()


def test_a_worker_gets_no_certificate_with_a_wrong_token(cluster: Cluster, bundle: Bundle) -> None:
    before, right = size(cluster, "trustd"), bundle.trustdinfo.token
    for token in ("abcdef.0123456789abcdef", "", right[:-1], right + "x"):
        with pytest.raises(RequestError):
            signed(cluster, bundle, token, [])
    line = logged(cluster, "trustd", before, "refused a certificate")
    assert cluster.model.gateway in line
    assert right not in cluster.log(cluster.nodes[0], "trustd.log")
    # Counterpart: with the right token the same request is signed, for a server and without any role.
    certificate = signed(cluster, bundle, right, [])
    assert certificates.issued_by(certificate, bundle.certs.os.pair.crt)


def test_a_worker_cannot_ask_for_a_role(cluster: Cluster, bundle: Bundle) -> None:
    assert certificates.organizations(signed(cluster, bundle, bundle.trustdinfo.token, ["os:admin"])) == []


def test_a_worker_passes_no_call_on_to_another_node(cluster: Cluster) -> None:
    """Only control plane nodes hold a certificate to speak for others."""
    worker, other = cluster.nodes[-1], cluster.nodes[0]
    done = cluster.try_talosctl("version", "--endpoints", worker.address, "--nodes", other.address)
    assert done.code != 0
    assert other.address in done.err
    assert cluster.ok("version", "--endpoints", worker.address, "--nodes", worker.address)


def test_what_is_done_is_in_the_audit_log(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    before = len(cluster.log(node, "audit/api.log"))
    cluster.ok("services", "--nodes", node.address)

    def recorded() -> bool:
        return "/machine.MachineService/ServiceList" in cluster.log(node, "audit/api.log")[before:]

    wait_for(recorded, "the call is in the audit log", 30)

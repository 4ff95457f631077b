"""Terraform's provider from the first configuration to the reset on destroy, on machines that wait for theirs."""

from __future__ import annotations

import asyncio
import base64
import io
import tarfile
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from grpclib import GRPCError, Status
from grpclib.client import Channel

from talos.api import cosi_resource_pb2 as cosi
from talos.api import machine_pb2 as pb
from talos.provision.configs import local_patch
from tests.cluster.cluster import TALOSCTL, Cluster, at, run, wait_for
from tests.cluster.provider import Provider, runs_and_is_ready, stops_all_services, stream, unary

M = "/machine.MachineService/"
AUTO, REBOOT = pb.ApplyConfigurationRequest.AUTO, pb.ApplyConfigurationRequest.REBOOT


@pytest.fixture(scope="module")
def waiting(host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane node and a worker without configuration."""
    made = at(tmp_path_factory.mktemp("terraform"), "terraform")
    try:
        made.create("--workers", "1", "--memory-workers", "1GiB", "--skip-injecting-config")
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def generated(waiting: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """machine_secrets and machine_configuration: the provider makes both by itself, with the same outcome."""
    out = tmp_path_factory.mktemp("generated")
    endpoint = f"https://{waiting.nodes[0].address}:6443"
    patch = local_patch([waiting.model.gateway])
    secrets = out / "secrets.yaml"
    assert run(TALOSCTL, "gen", "secrets", "-o", secrets).code == 0
    done = run(
        *(TALOSCTL, "gen", "config", "terraform", endpoint, "--with-secrets", secrets, "--output-dir", out),
        *("--force", "--config-patch", patch),
    )
    assert done.code == 0, done.text
    pair = yaml.safe_load(secrets.read_text())["certs"]["os"]
    (out / "ca.crt").write_bytes(base64.b64decode(pair["crt"]))
    (out / "client.pem").write_bytes(_client(base64.b64decode(pair["crt"]), base64.b64decode(pair["key"])))
    return out


def _client(authority: bytes, key: bytes) -> bytes:
    """Certificate and key as the provider derives them from the authority: no name, and its key's label is another."""
    issuer = x509.load_pem_x509_certificate(authority)
    signer = serialization.load_pem_private_key(key.replace(b"ED25519 PRIVATE KEY", b"PRIVATE KEY"), None)
    assert isinstance(signer, ed25519.Ed25519PrivateKey)
    mine, now = ed25519.Ed25519PrivateKey.generate(), datetime.now(UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
         "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "os:admin")]))
        .issuer_name(issuer.subject)
        .public_key(mine.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, None)
    )
    text = mine.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + text


@pytest.fixture
def providers(waiting: Cluster, generated: Path) -> list[Provider]:
    """One a node, each through its own address: the provider's default."""
    files = generated / "ca.crt", generated / "client.pem"
    return [Provider(node.address, node.address, *files) for node in waiting.nodes]


def _config(generated: Path, kind: str, patch: str = "") -> bytes:
    text = (generated / f"{kind}.yaml").read_text()
    if patch:
        done = run(TALOSCTL, "machineconfig", "patch", generated / f"{kind}.yaml", "--patch", patch)
        assert done.code == 0, done.text
        text = done.out
    return text.encode()


async def test_from_the_first_configuration_to_a_cluster(
    waiting: Cluster, generated: Path, providers: list[Provider]
) -> None:
    """machine_configuration_apply, machine_bootstrap, cluster_kubeconfig, and the waits between."""
    for provider, kind in zip(providers, ("controlplane", "worker"), strict=True):
        request = pb.ApplyConfigurationRequest(data=_config(generated, kind), mode=AUTO)
        answer = await provider.insist(provider.call(M + "ApplyConfiguration", request))
        assert answer.messages[0].mode in (AUTO, REBOOT, pb.ApplyConfigurationRequest.NO_REBOOT)
        assert provider.ways == ["maintenance"]
    first, worker = providers
    # It does not wait in between: whatever the node answers while it leaves maintenance mode must not be final.
    await first.insist(first.call(M + "Bootstrap", pb.BootstrapRequest()))
    assert first.ways[-1] == "certificate"
    archive = await first.insist(lambda channel: _kubeconfig(channel, first.node))
    context = yaml.safe_load(archive)
    assert context["current-context"] == "admin@terraform"
    assert context["clusters"][0]["cluster"]["server"] == f"https://{waiting.nodes[0].address}:6443"
    waiting.kubeconfig.write_bytes(archive)
    for provider in providers:
        await provider.insist(lambda channel, node=provider.node: _boot_is_over(channel, node))  # type: ignore[misc]
    await asyncio.to_thread(waiting.wait_ready, 300)
    version = await worker.operate(worker.call(M + "Version"))
    assert version.messages[0].version.tag.startswith("v1.14")
    with pytest.raises(GRPCError) as twice:
        await first.operate(first.call(M + "Bootstrap", pb.BootstrapRequest()))
    assert twice.value.status is Status.ALREADY_EXISTS


async def _kubeconfig(channel: Channel, node: str) -> bytes:
    chunks = [chunk.bytes async for chunk in stream(channel, M + "Kubeconfig", None, node)]
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks)), mode="r:gz") as archive:
        file = archive.extractfile("kubeconfig")
        assert file is not None
        return file.read()


async def _boot_is_over(channel: Channel, node: str) -> None:
    """As the provider looks: stage, the installation that a container node does not have, and CRI."""

    async def spec(namespace: str, kind: str, identity: str) -> dict[str, object]:
        request = cosi.GetRequest(namespace=namespace, type=kind, id=identity)
        reply = await unary(channel, "/cosi.resource.State/Get", request, node)
        loaded: dict[str, object] = yaml.safe_load(reply.resource.spec.yaml_spec) or {}
        return loaded

    machine = await spec("runtime", "MachineStatuses.runtime.talos.dev", "machine")
    if machine["stage"] not in ("booting", "running"):
        raise GRPCError(Status.UNAVAILABLE, f"stage is {machine['stage']}")
    try:
        await spec("runtime", "UnattendedInstallStatuses.runtime.talos.dev", "unattended-install")
        raise AssertionError("a container is not installed")
    except GRPCError as absent:
        if absent.status is not Status.NOT_FOUND:
            raise
    cri = await spec("runtime", "Services.v1alpha1.talos.dev", "cri")
    if not (cri["running"] and cri["healthy"]):
        raise GRPCError(Status.UNAVAILABLE, "cri is not up")


async def test_a_dry_run_says_whether_the_node_would_reboot(generated: Path, providers: list[Provider]) -> None:
    """apply_mode staged_if_needing_reboot decides by the mode in the answer."""
    worker = providers[-1]
    for patch, mode in (
        ("machine: {sysctls: {net.core.somaxconn: '8192'}}", pb.ApplyConfigurationRequest.NO_REBOOT),
        ("machine: {files: [{path: /var/lib/a, content: b, permissions: 0o600, op: create}]}", REBOOT),
    ):
        data = _config(generated, "worker", patch)
        request = pb.ApplyConfigurationRequest(data=data, mode=AUTO, dry_run=True)
        answer = await worker.operate(worker.call(M + "ApplyConfiguration", request))
        assert answer.messages[0].mode == mode, answer
    with pytest.raises(GRPCError) as wrong:
        request = pb.ApplyConfigurationRequest(data=b"machine: {type: king}", mode=AUTO, dry_run=True)
        await worker.operate(worker.call(M + "ApplyConfiguration", request))
    assert wrong.value.status is Status.INVALID_ARGUMENT


async def test_a_restart_of_the_kubelet_is_seen_as_upgrade_k8s_looks_for_it(providers: list[Provider]) -> None:
    """Its service goes, comes again and becomes healthy; a resource that only changes is waited for in vain."""
    worker = providers[-1]
    request = cosi.WatchRequest(namespace="runtime", type="Services.v1alpha1.talos.dev", id="kubelet", api_version=1)
    kinds: list[int] = []

    async def restarted(channel: Channel) -> None:
        async with asyncio.timeout(120):
            async with aclosing(stream(channel, "/cosi.resource.State/Watch", request, worker.node)) as answers:
                async for answer in answers:
                    for event in answer.event:
                        kinds.append(event.event_type)
                        spec = yaml.safe_load(event.resource.spec.yaml_spec)
                        if len(kinds) == 1:
                            assert spec["running"] and spec["healthy"]
                            restart = pb.ServiceRestartRequest(id="kubelet")
                            await unary(channel, M + "ServiceRestart", restart, worker.node)
                        elif event.event_type == cosi.EventType.UPDATED and spec["healthy"]:
                            return

    await worker.operate(restarted)
    created, destroyed, updated = cosi.EventType.CREATED, cosi.EventType.DESTROYED, cosi.EventType.UPDATED
    assert kinds == [created, destroyed, created, updated]


@pytest.mark.parametrize("through", ["its own address", "the control plane"])
async def test_a_reboot_is_followed_to_its_end(
    through: str, waiting: Cluster, generated: Path, providers: list[Provider]
) -> None:
    worker = providers[-1]
    if through == "the control plane":
        endpoint = waiting.nodes[0].address
        worker = Provider(endpoint, worker.node, generated / "ca.crt", generated / "client.pem", resumes=False)
    before = waiting.boots(waiting.nodes[-1])
    seen = await worker.follow(M + "Reboot", pb.RebootRequest(), runs_and_is_ready, worker.booted)
    assert waiting.boots(waiting.nodes[-1]) == before + 1
    assert runs_and_is_ready(seen[-1])


@pytest.mark.parametrize("reboot", [True, False], ids=["and comes back", "and stays away"])
async def test_a_reset_is_followed_to_its_end(
    reboot: bool, waiting: Cluster, generated: Path, providers: list[Provider]
) -> None:
    """on_destroy; the second time on a machine that was configured again."""
    worker = providers[-1]
    if not reboot:
        request = pb.ApplyConfigurationRequest(data=_config(generated, "worker"), mode=AUTO)
        await worker.insist(worker.call(M + "ApplyConfiguration", request))
        await worker.insist(lambda channel: _boot_is_over(channel, worker.node))
    wiped = [pb.ResetPartitionSpec(label=label, wipe=True) for label in ("STATE", "EPHEMERAL")]
    asked = pb.ResetRequest(graceful=True, reboot=reboot, system_partitions_to_wipe=wiped)
    await worker.follow(M + "Reset", asked, stops_all_services, worker.wiped if reboot else None)
    if reboot:
        await asyncio.to_thread(
            wait_for, lambda: asyncio.run(worker.in_maintenance()), "the worker waits for a configuration", 120
        )

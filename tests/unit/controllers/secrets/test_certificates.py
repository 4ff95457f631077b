"""Certificates of a node against the facts of the contract."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from talos.config.view.model import MachineType
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.kubernetes import kubeconfig
from talos.resources.enums import MachineStage
from talos.resources.runtime import APIServiceConfigSpec, MachineStatusSpec
from talos.resources.secrets import (
    APICertsSpec,
    CertSANSpec,
    EtcdCertsSpec,
    KubernetesCertsSpec,
    KubernetesDynamicCertsSpec,
    TrustdCertsSpec,
)

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
MANAGER = "system:kube-controller-manager"
DAY, YEAR = timedelta(hours=24), timedelta(hours=8760)


def facts(pem: str | bytes) -> tuple[Any, ...]:
    """Subject, DNS names, addresses, key encipherment, extended usage, validity."""
    certificate = x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = sorted(names.get_values_for_type(x509.DNSName))
        ips = sorted(str(ip) for ip in names.get_values_for_type(x509.IPAddress))
    except x509.ExtensionNotFound:
        dns, ips = [], []
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    extended = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    validity = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.subject.rfc4514_string(), dns, ips, usage.key_encipherment, extended, validity


async def test_control_plane_certificates(node: Any, make_config: Any) -> None:
    await node.configure(make_config())
    node.run("secrets.", "k8s.StaticEndpointController", "runtime.APIServiceConfigController")
    api = await node.get(APICertsSpec, "api")
    own = ["10.77.0.2", "127.0.0.1"]
    assert facts(api.server.crt) == ("CN=talos1", ["talos1"], own, False, [SERVER], DAY)
    assert facts(api.client.crt) == ("CN=talos1,O=os:impersonator", [], [], False, [CLIENT], DAY)
    assert not api.skip_verifying_client_cert
    trustd = await node.get(TrustdCertsSpec, "trustd")
    assert facts(trustd.server.crt) == ("CN=talos1", ["talos1"], own, True, [SERVER], DAY)
    etcd = await node.get(EtcdCertsSpec, "etcd")
    ten_years = timedelta(hours=87600)
    names, both = ["localhost", "talos1"], [SERVER, CLIENT]
    assert facts(etcd.etcd.crt) == ("CN=talos1", names, [*own, "::1"], True, both, ten_years)
    assert facts(etcd.etcd_peer.crt) == ("CN=talos1", ["talos1"], ["10.77.0.2"], True, both, ten_years)
    assert facts(etcd.etcd_admin.crt) == ("CN=talos", [], [], True, [CLIENT], ten_years)
    assert facts(etcd.etcd_api_server.crt) == ("CN=kube-apiserver", [], [], True, [CLIENT], ten_years)
    dynamic = await node.get(KubernetesDynamicCertsSpec, "k8s-dynamic-certs")
    assert facts(dynamic.api_server.crt) == (
        "CN=kube-apiserver,O=kube-master",
        [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
            "talos1",
        ],
        ["10.77.0.2", "10.96.0.1", "127.0.0.1"],
        True,
        [SERVER],
        YEAR,
    )
    assert facts(dynamic.api_server_kubelet_client.crt)[0] == "CN=apiserver-kubelet-client,O=system:masters"
    assert facts(dynamic.front_proxy.crt) == ("CN=front-proxy-client", [], [], True, [CLIENT], YEAR)
    kubernetes = await node.get(KubernetesCertsSpec, "k8s-certs")
    for text, subject in (
        (kubernetes.scheduler_kubeconfig, "CN=system:kube-scheduler,O=system:kube-scheduler"),
        (
            kubernetes.controller_manager_kubeconfig,
            "CN=system:kube-controller-manager,O=system:kube-controller-manager",
        ),
        (kubernetes.localhost_admin_kubeconfig, "CN=talos:admin,O=system:masters"),
        (kubernetes.admin_kubeconfig, "CN=talos:admin,O=system:masters"),
    ):
        assert facts(kubeconfig.parse(text).certificate) == (subject, [], [], True, [CLIENT], YEAR)
    assert kubeconfig.parse(kubernetes.admin_kubeconfig).server == "https://10.77.0.2:6443"
    assert kubeconfig.parse(kubernetes.scheduler_kubeconfig).server == "https://127.0.0.1:7445"
    service = await node.get(APIServiceConfigSpec, "apid", lambda s: not s.skip_verifying_client_cert)
    assert (service.listen_address, service.readonly_role_mode) == (":50000", False)


async def test_a_node_without_configuration_serves_everybody_as_reader(node: Any) -> None:
    await node.network()
    await node.put(STAGE_ID, MachineStageSpec(stage=MachineStage.MAINTENANCE))
    node.run("secrets.", "runtime.APIServiceConfigController")
    api = await node.get(APICertsSpec, "api")
    subject, names, addresses, *_ = facts(api.server.crt)
    assert (subject, names) == ("CN=maintenance-service.talos.dev", ["talos1"])
    assert addresses == ["10.77.0.2", "127.0.0.1", "::1"]
    assert api.skip_verifying_client_cert
    assert api.client.crt == ""
    service = await node.get(APIServiceConfigSpec, "apid")
    assert service.readonly_role_mode
    assert service.node_routing_disabled


async def test_a_node_not_in_maintenance_never_serves_everybody(node: Any) -> None:
    """Its configuration is not read yet, or is damaged: certificates are there, the door stays closed."""
    await node.network()
    await node.put(STAGE_ID, MachineStageSpec(stage=MachineStage.BOOTING, problem="config.yaml cannot be used"))
    node.run("secrets.", "runtime.APIServiceConfigController", "runtime.MachineStatusController")
    await node.get(APICertsSpec, "api")
    status = await node.get(MachineStatusSpec, "machine", lambda s: bool(s.status.unmet_conditions))
    assert (status.status.unmet_conditions[0].name, status.status.ready) == ("config", False)
    assert await node.state.get_or_none(APIServiceConfigSpec, "apid") is None
    await node.put(STAGE_ID, MachineStageSpec(stage=MachineStage.MAINTENANCE))
    assert (await node.get(APIServiceConfigSpec, "apid")).readonly_role_mode


async def test_a_new_address_is_in_new_certificates(node: Any, make_config: Any) -> None:
    await node.configure(make_config())
    node.run("secrets.")
    await node.get(APICertsSpec, "api")
    await node.network(address="10.77.0.9/24")
    api = await node.get(APICertsSpec, "api", lambda s: "10.77.0.9" in facts(s.server.crt)[2])
    assert api.client.crt


async def test_a_worker_has_no_secrets_of_the_control_plane(node: Any, make_config: Any) -> None:
    await node.configure(make_config(MachineType.WORKER))
    node.run("secrets.")
    await node.get(CertSANSpec, "api")
    for kind in (TrustdCertsSpec, EtcdCertsSpec, KubernetesCertsSpec, KubernetesDynamicCertsSpec):
        assert await node.state.list(kind) == []

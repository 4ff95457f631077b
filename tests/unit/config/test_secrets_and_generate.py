"""Secrets bundles, and configurations made from them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

from talos import versions
from talos.config import Config, ConfigError
from talos.config.generate import Input
from talos.config.kubernetes_version import check_supported, of_image
from talos.config.network.hostname_config import HostnameConfig
from talos.config.secrets import Bundle, CertificateAndKey
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.validate import validate
from talos.config.version_contract import VersionContract
from talos.config.view.model import MachineType
from talos.pki import certificates

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def bundle() -> Bundle:
    return Bundle.generate(now=NOW)


def test_a_bundle_survives_its_file() -> None:
    text = bundle().encode()
    assert Bundle.decode(text) == bundle()
    assert Bundle.decode(text).encode() == text
    assert text.startswith("cluster:\n    id: ")


def test_two_bundles_share_nothing() -> None:
    other = Bundle.generate(now=NOW)
    assert other.cluster.id != bundle().cluster.id
    assert other.trustdinfo.token != bundle().trustdinfo.token
    assert other.certs.os.crt != bundle().certs.os.crt


@pytest.mark.parametrize("version", ["v1.12", "v1.13", "v1.14"])
def test_a_control_plane_configuration_holds_the_whole_bundle(version: str) -> None:
    given = Input(cluster_name="c", endpoint="https://10.0.0.1:6443", secrets=bundle(), talos_version=version)
    config = Config.decode(given.config(MachineType.CONTROL_PLANE).encode())
    assert Bundle.from_config(config) == bundle()
    with pytest.raises(ConfigError, match="needs crt and key"):
        Bundle.from_config(given.config(MachineType.WORKER))


@pytest.mark.parametrize("version", ["v1.13", "v1.14"])
def test_a_worker_configuration_holds_no_private_key(version: str) -> None:
    given = Input(cluster_name="c", endpoint="https://10.0.0.1:6443", secrets=bundle(), talos_version=version)
    text = given.config(MachineType.WORKER).encode()
    from base64 import b64encode

    for part in ("os", "k8s", "k8saggregator", "etcd"):
        key = getattr(bundle().certs, part).key
        assert b64encode(key).decode() not in text
        assert key.decode().splitlines()[1] not in text
    assert bundle().secrets.secretboxencryptionsecret not in text
    assert bundle().certs.k8sserviceaccount.key.decode().splitlines()[1] not in text


def test_every_fault_of_a_bundle_is_named() -> None:
    broken = Bundle.decode(bundle().encode())
    broken.trustdinfo.token = ""
    broken.certs.etcd = CertificateAndKey(crt=bundle().certs.etcd.crt, key=bundle().certs.k8s.key)
    broken.certs.os = CertificateAndKey(crt=b"junk", key=b"junk")
    broken.certs.k8saggregator = CertificateAndKey()
    with pytest.raises(ConfigError) as caught:
        Bundle.decode(broken.encode())
    text = str(caught.value)
    for part in (
        "trustdinfo.token is missing",
        "certs.etcd: the key does not belong",
        "certs.os: unusable",
        "certs.k8saggregator needs crt and key",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one YAML document"),
        ("a: b\n", "a (line 1, column 1): unknown key"),
        ("cluster: x\n", "expected a mapping"),
        ("{}\n---\n{}\n", "this text has 2"),
    ],
)
def test_what_is_no_bundle(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Bundle.decode(text)
    assert message in str(caught.value)


def test_talosconfig_is_signed_by_the_cluster() -> None:
    from base64 import b64decode

    from talos.config import yaml_reader

    given = Input(
        cluster_name="c", endpoint="https://h", secrets=bundle(), talosconfig_endpoints=("10.0.0.1", "10.0.0.2")
    )
    found = yaml_reader.load(given.talosconfig(now=NOW))[0]
    assert found["context"] == "c"
    context = found["contexts"]["c"]
    assert context["endpoints"] == ["10.0.0.1", "10.0.0.2"]
    crt = b64decode(context["crt"])
    assert certificates.organizations(crt) == ["os:admin"]
    assert certificates.issued_by(crt, b64decode(context["ca"]))
    assert certificates.matches(certificates.Pair(crt, b64decode(context["key"])))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"endpoint": "10.0.0.1:6443"}, "must be a full URL"),
        ({"endpoint": "http://10.0.0.1"}, "must begin with https://"),
        ({"endpoint": "https://"}, "must be a full URL"),
        ({"endpoint": "https://h:99999"}, "is no URL"),
        ({"kubernetes_version": "1.99.0"}, "too new"),
        ({"kubernetes_version": "1.20.0"}, "too old"),
        ({"kubernetes_version": "latest"}, "not of the form"),
        ({"talos_version": "v1.3"}, "v1.8 and later can"),
        ({"talos_version": "new"}, "not of the form v1.14"),
        ({"talos_version": "v1.13", "kubernetes": False}, "always run Kubernetes"),
        ({"kubespan": True, "cluster_discovery": False}, "cluster discovery"),
    ],
)
def test_what_cannot_be_generated(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"cluster_name": "c", "endpoint": "https://h", "secrets": bundle(), **changes}
    with pytest.raises(ConfigError) as caught:
        Input(**arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_without_a_disk_nothing_is_installed() -> None:
    for version in ("v1.13", "v1.14"):
        given = Input(cluster_name="c", endpoint="https://h", secrets=bundle(), talos_version=version, install_disk="")
        assert given.config(MachineType.WORKER).machine.install is None


def test_supported_kubernetes_versions() -> None:
    check_supported(versions.DEFAULT_KUBERNETES_VERSION)
    check_supported("v1.36.1")
    assert of_image("registry.k8s.io/kube-proxy:v1.36.1") == "v1.36.1"
    assert of_image("registry.k8s.io/kube-proxy:v1.37.0-rc.1@sha256:00") == "v1.37.0-rc.1"
    assert of_image("host:5000/kube-proxy") is None
    assert of_image("host/kube-proxy:latest") is None


def test_version_contracts_are_ordered() -> None:
    assert VersionContract.parse("v1.13.4-beta.1") < VersionContract.parse("1.14")
    assert not VersionContract.parse("1.13").multi_document
    assert VersionContract.parse("").multi_document


def test_a_later_version_reads_what_ours_does() -> None:
    assert VersionContract.parse("v9.9") == VersionContract.parse("v1.15") == VersionContract.parse("")


@pytest.mark.parametrize(("version", "before"), [("v1.8", True), ("v1.11.3", True), ("v1.12", False), ("v1.13", False)])
def test_an_old_machine_is_told_what_later_ones_have_always_on(version: str, before: bool) -> None:
    """Without rbac a machine of v1.11 would let every client certificate do everything."""
    config = Input(cluster_name="c", endpoint="https://h", secrets=bundle(), talos_version=version).config(
        MachineType.CONTROL_PLANE
    )
    document = config.get(V1Alpha1)
    assert document and document.machine and document.machine.features and document.machine.install
    features = document.machine.features
    assert (features.rbac, features.stable_hostname, features.apid_check_ext_key_usage) == (before or None,) * 3
    assert (config.get(HostnameConfig) is None) == before
    assert document.machine.install.grub_use_uki_cmdline is (None if before else True)
    validate(config, "metal")


def test_without_kubernetes_there_are_no_secrets_of_it() -> None:
    secrets = Bundle.generate(now=NOW, kubernetes=False)
    assert Bundle.decode(secrets.encode(), kubernetes=False) == secrets
    with pytest.raises(ConfigError, match=r"certs\.etcd needs crt and key"):
        Bundle.decode(secrets.encode())
    for given in (secrets, bundle()):  # those of a cluster with Kubernetes serve as well, and stay out
        made = Input(cluster_name="c", endpoint="https://h", secrets=given, kubernetes=False)
        config = Config.decode(made.config(MachineType.CONTROL_PLANE).encode())
        kept = Bundle.from_config(config)
        assert (kept.certs.os, kept.trustdinfo, kept.cluster) == (given.certs.os, given.trustdinfo, given.cluster)
        assert not kept.certs.etcd.crt and not kept.secrets.bootstraptoken
    assert made.config(MachineType.WORKER).cluster.endpoint == "https://h"  # where its certificate is signed

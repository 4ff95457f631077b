"""Commands that work on files only: what they refuse, and that a refusal changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from talos.config import Config
from talos.talosctl import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TALOSCONFIG", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main.run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One set of files for all tests: an RSA key takes most of a second."""
    folder = tmp_path_factory.mktemp("cluster")
    secrets, out = str(folder / "secrets.yaml"), str(folder / "out")
    assert main.run(["gen", "secrets", "-o", secrets]) == 0
    assert main.run(["gen", "config", "demo", "https://10.0.0.1:6443", "--with-secrets", secrets, "-o", out]) == 0
    return folder


@pytest.fixture
def cluster(generated: Path, tmp_path: Path) -> Path:
    """The working folder with secrets.yaml and out/ in it."""
    shutil.copytree(generated, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize(
    ("endpoint", "pods", "services"),
    [
        ("https://[2001:db8::10]:6443", "fc00:db8:10::/56", "fc00:db8:20::/112"),
        ("https://10.0.0.1:6443", "10.244.0.0/16", "10.96.0.0/12"),
        ("https://api.example.org:6443", "10.244.0.0/16", "10.96.0.0/12"),
    ],
)
@pytest.mark.parametrize("version", ["v1.14", "v1.13"])
def test_subnets_are_of_the_family_of_the_endpoint(
    run: Run, cluster: Path, endpoint: str, pods: str, services: str, version: str
) -> None:
    secrets = ("--with-secrets", "secrets.yaml", "--talos-version", version)
    code, out, err = run("gen", "config", "demo", endpoint, *secrets, "-t", "worker", "-o", "-")
    assert code == 0, err
    made = Config.decode(out)
    assert (made.cluster.pod_cidrs, made.cluster.service_cidrs) == ((pods,), (services,))


def test_documented_output_is_valid(run: Run, cluster: Path) -> None:
    text = (cluster / "out" / "worker.yaml").read_text()
    assert "# " in text
    for name in ("worker", "controlplane"):
        code, out, _ = run("validate", "-m", "container", "--strict", "-c", f"out/{name}.yaml")
        assert (code, out) == (0, f"out/{name}.yaml is valid for container mode\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gen", "secrets"], "secrets.yaml exists already; --force"),
        (["gen", "config", "demo", "https://h", "-o", "out"], "out/controlplane.yaml, out/worker.yaml, out/tal"),
        (["gen", "config", "demo", "h:6443", "-o", "new"], "cluster endpoint 'h:6443'"),
        (["gen", "config", "demo", "https://h", "-o", "new", "-t", "boss"], "--output-types: boss is unknown"),
        (["gen", "config", "demo", "https://h", "-o", "new", "-t", ""], "--output-types: name at least one"),
        (["gen", "config", "demo", "https://h", "-o", "new", "-t", "init"], "--output-types: init is unknown"),
        (["gen", "config", "demo", "https://h", "-o", "new", "--output-dir", "new"], "exclude each other"),
        (["gen", "config", "demo", "https://h", "--skip-k8s-etcd", "--talos-version", "v1.13"], "always run"),
        (["gen", "config", "demo", "https://h", "-o", "-"], "choose it with --output-types"),
        (["gen", "config", "demo", "https://h", "-o", "secrets.yaml"], "secrets.yaml is a file"),
        (["gen", "config", "demo", "https://h", "-o", "out", "-t", "worker"], "out is a folder"),
        (["gen", "config", "demo", "https://h", "-o", "new", "--kubernetes-version", "1.99.0"], "1.99.0 is too new"),
        (["gen", "config", "demo", "https://h", "-o", "new", "--talos-version", "v0.1"], "Talos v0.1"),
        (["gen", "config", "demo", "https://h", "-o", "new", "--with-secrets", "no.yaml"], "no.yaml: No such file"),
        (["gen", "config", "demo", "https://h", "-o", "new", "--registry-mirror", "x"], "--registry-mirror x"),
        (["gen", "config", "demo", "https://h", "-o", "new", "--version", "v2"], "--version v2"),
        (
            ["gen", "config", "demo", "https://h", "-o", "new", "--config-patch-worker", "machine: {x: 1}"],
            "--config-patch-worker, worker: patch 1: document v1alpha1 (line 1, column 1): "
            "machine.x (line 1, column 11): unknown key",
        ),
        (["gen", "config", "demo", "https://h", "-o", "new", "--config-patch", "@gone"], "--config-patch gone"),
        (["gen", "secrets", "-o", "new", "-t", "short"], "--kubernetes-bootstrap-token must be like"),
        (["gen", "secrets", "-o", "new", "--from-controlplane-config", "out/worker.yaml"], "certs.os needs crt"),
        (["machineconfig", "patch", "out/worker.yaml", "-p", "{a: b}", "-o", "new"], "unknown key"),
        (["machineconfig", "patch", "gone.yaml", "-p", "{}"], "cannot read the machine configuration gone.yaml"),
        (["validate", "-m", "metal"], "--config FILE is required"),
        (["validate", "-m", "metal", "-c", "gone.yaml"], "gone.yaml: No such file"),
        (["validate", "-m", "hybrid", "-c", "out/worker.yaml"], "--mode hybrid is unknown; use one of"),
        (["validate", "-c", "out/worker.yaml"], "--mode"),
        (["validate", "-m", "metal", "-c", "secrets.yaml"], "unknown key"),
        (["--talosconfig", "out/talosconfig", "config", "context", "other"], "other"),
        (["--talosconfig", "out/talosconfig", "config", "endpoint", "https://h"], "no address or host name"),
        (["--talosconfig", "out/talosconfig", "config", "remove", "nothing", "-y"], "there is no context nothing"),
        (["--talosconfig", "out/talosconfig", "config", "remove", "demo", "-y"], "context demo is in use"),
        (["--talosconfig", "out/talosconfig", "config", "add", "demo"], "context demo exists already"),
        (["--talosconfig", "out/talosconfig", "config", "merge", "gone"], "gone"),
        (["gen", "csr", "--key", "gone.key", "--ip", "10.0.0.1"], "gone.key"),
        (["gen", "csr", "--key", "gone.key", "--ip", "here"], "--ip here is no IP address"),
        (["gen", "csr", "--key", "gone.key", "--ip", "10.0.0.1", "--roles", "os:boss"], "os:boss"),
    ],
)  # fmt: skip
def test_refusals_change_nothing(run: Run, cluster: Path, arguments: list[str], message: str) -> None:
    before = files(cluster)
    code, out, err = run(*arguments)
    assert code == 1
    assert message in err
    assert out == ""
    assert files(cluster) == before


def test_machines_without_kubernetes(run: Run, cluster: Path) -> None:
    """Their secrets may be those of any cluster, and those of theirs make no cluster."""
    code, _, _ = run(
        *("gen", "config", "demo", "https://10.0.0.1:6443", "--skip-k8s-etcd", "--with-secrets", "secrets.yaml"),
        *("--output-dir", "alone", "--output-types", "controlplane"),
    )
    assert code == 0
    text = (cluster / "alone/controlplane.yaml").read_text().split("\n# ")[0]  # in the folder, although it is one type
    assert "kind: Kube" not in text and "etcd" not in text
    for mode in ("metal", "container"):
        assert run("validate", "-m", mode, "--strict", "-c", "alone/controlplane.yaml")[0] == 0
    assert run("gen", "secrets", "-o", "own.yaml", "--from-controlplane-config", "alone/controlplane.yaml")[0] == 0
    again = ("gen", "config", "demo", "https://10.0.0.1:6443", "--with-secrets", "own.yaml", "-o", "again")
    assert run(*again, "--skip-k8s-etcd")[0] == 0
    code, _, err = run(*again, "--force")
    assert code == 1 and "certs.k8s needs crt and key" in err


def test_force_overwrites(run: Run, cluster: Path) -> None:
    before = (cluster / "secrets.yaml").read_bytes()
    assert run("gen", "secrets", "--force")[0] == 0
    after = (cluster / "secrets.yaml").read_bytes()
    assert after != before
    assert run("gen", "-f", "secrets")[0] == 0
    assert (cluster / "secrets.yaml").read_bytes() != after


def test_one_output_type_names_a_file(run: Run, cluster: Path) -> None:
    base = ("gen", "config", "demo", "https://h", "--with-secrets", "secrets.yaml", "-t", "worker")
    assert run(*base, "-o", "deep/w.yaml")[0] == 0
    assert (cluster / "deep" / "w.yaml").is_file()
    code, out, _ = run(*base, "-o", "-")
    assert code == 0
    assert out == (cluster / "deep" / "w.yaml").read_text()
    assert run(*base)[0] == 0
    assert (cluster / "worker.yaml").is_file()


def test_secrets_come_back_out_of_a_configuration(run: Run, cluster: Path) -> None:
    code, out, _ = run("gen", "secrets", "-o", "-", "--from-controlplane-config", "out/controlplane.yaml")
    assert code == 0
    assert out == (cluster / "secrets.yaml").read_text()


def test_secrets_from_a_kubeadm_folder(run: Run, cluster: Path) -> None:
    from talos.pki import certificates, keys

    for name in ("ca", "front-proxy-ca", "etcd/ca"):
        pair = certificates.new_authority("kubernetes", algorithm=keys.Algorithm.ECDSA_P256)
        path = cluster / "pki" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".crt").write_bytes(pair.crt)
        path.with_name(path.name + ".key").write_bytes(pair.key)
    code, _, err = run("gen", "secrets", "-o", "new.yaml", "-p", "pki")
    assert (code, "sa.key" in err) == (1, True)
    (cluster / "pki" / "sa.key").write_bytes(keys.encode(keys.generate(keys.Algorithm.RSA_4096)))
    assert run("gen", "secrets", "-o", "new.yaml", "-p", "pki")[0] == 0
    from talos.config.secrets import Bundle

    made = Bundle.decode((cluster / "new.yaml").read_bytes())
    assert made.certs.etcd.crt == (cluster / "pki" / "etcd" / "ca.crt").read_bytes()


def test_certificates_by_hand(run: Run, tmp_path: Path) -> None:
    import hashlib
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID

    from talos.pki import certificates

    assert run("gen", "ca", "--organization", "talos")[0] == 0
    assert run("gen", "key", "--name", "admin")[0] == 0
    assert run("gen", "csr", "--key", "admin.key", "--ip", "127.0.0.1", "--roles", "os:reader,os:operator")[0] == 0
    assert run("gen", "crt", "--ca", "talos", "--csr", "admin", "--name", "admin", "--hours", "5")[0] == 0
    crt = (tmp_path / "admin.crt").read_bytes()
    assert certificates.issued_by(crt, (tmp_path / "talos.crt").read_bytes())
    assert sorted(certificates.organizations(crt)) == ["os:operator", "os:reader"]
    usage = certificates.load_certificate(crt).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH], "the API takes no other"
    public = certificates.load_certificate((tmp_path / "talos.crt").read_bytes()).public_key()
    info = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (tmp_path / "talos.sha256").read_text() == f"sha256:{hashlib.sha256(info).hexdigest()}"
    (tmp_path / "admin.key").rename(tmp_path / "other.pem")
    assert run("gen", "csr", "--key", "other.pem", "--ip", "127.0.0.1")[0] == 0
    (tmp_path / "other.csr").rename(tmp_path / "request")
    assert run("gen", "crt", "--ca", "talos", "--csr", "request", "--name", "other")[0] == 0
    assert run("gen", "keypair", "--organization", "x", "--ip", "10.0.0.1")[0] == 0
    pair = certificates.Pair((tmp_path / "x.crt").read_bytes(), (tmp_path / "x.key").read_bytes())
    assert certificates.matches(pair)
    assert certificates.issued_by(pair.crt, pair.crt), "it can be trusted by itself"
    names = certificates.load_certificate(pair.crt).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.IPAddress) == [ip_address("10.0.0.1")]
    assert oct((tmp_path / "talos.key").stat().st_mode & 0o777) == "0o600"


def test_contexts(run: Run, cluster: Path) -> None:
    flag = ("--talosconfig", "mine/config")
    assert run(*flag, "config", "merge", "out/talosconfig")[0] == 0
    assert oct((cluster / "mine" / "config").stat().st_mode & 0o777) == "0o600"
    assert run(*flag, "config", "endpoint", "10.0.0.1", "10.0.0.2")[0] == 0
    assert run(*flag, "config", "node", "10.0.0.3")[0] == 0
    assert run(*flag, "config", "contexts") == (
        0,
        "CURRENT   NAME   ENDPOINTS           NODES\n*         demo   10.0.0.1,10.0.0.2   10.0.0.3\n",
        "",
    )
    code, out, _ = run(*flag, "config", "info", "-o", "json")
    facts = json.loads(out)
    assert code == 0
    assert list(facts) == ["context", "nodes", "endpoints", "roles", "certTTL", "certNotAfter"]
    assert facts["certTTL"] == "1 year from now"
    assert facts["roles"] == ["os:admin"]
    assert run(*flag, "config", "info")[1].splitlines()[0] == "Current context:     demo"
    assert run(*flag, "config", "add", "second", "--ca", "out/talosconfig")[0] == 0
    assert run(*flag, "config", "use-context", "demo")[0] == 0
    assert run(*flag, "config", "remove", "sec*", "--dry-run")[0] == 0
    assert "second" in run(*flag, "config", "get-contexts")[1]
    assert run(*flag, "config", "remove", "sec*", "-y")[0] == 0
    assert "second" not in run(*flag, "config", "get-contexts")[1]
    assert run(*flag, "config", "node")[0] == 0
    assert "Nodes:               not defined" in run(*flag, "config", "info")[1]
    assert run(*flag, "config", "proxy-url", "http://proxy")[0] == 0
    assert "proxy-url: http://proxy" in (cluster / "mine" / "config").read_text()


def test_files_with_keys_have_the_modes_that_are_decided(cluster: Path) -> None:
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in [cluster / "secrets.yaml", *(cluster / "out").iterdir()]
    }
    # The talosconfig's mode is the contract's (sample gen-config-default), although it holds a key as well.
    assert modes == dict.fromkeys(("secrets.yaml", "controlplane.yaml", "worker.yaml"), 0o600) | {"talosconfig": 0o644}

"""The floor of this machine: the bare programs started together in one namespace container until the node is Ready.

No machine configuration, no API, no controllers: etcd, the four Kubernetes programs of a control plane node and
containerd, started at the same moment with certificates made beforehand. Every time that `make bench` prints stands
beside this figure of the same run, because only the ratio survives a change of machine.

Runs itself again inside its namespaces: `python -m bench.floor` → unshare → `python -m bench.floor inside DIR`.
"""
from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from talos.linux import capabilities

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS = ROOT / "_out" / "components"
NODE = "floor"
ADDRESS = "10.7.0.2"
SERVICE_ADDRESS = "10.96.0.1"
WAIT_S = 120.0


class Authority:
    """One P-256 authority that signs everything the bare programs need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "floor")])
        self.write("ca", self.key, self.sign(self.name, self.key, authority=True))

    def sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, authority: bool = False) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        names: list[x509.GeneralName] = [x509.DNSName(n) for n in ("localhost", "kubernetes", NODE)]
        names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", ADDRESS, SERVICE_ADDRESS)]
        return (
            x509.CertificateBuilder()
            .subject_name(subject).issuer_name(self.name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def issue(self, file: str, common_name: str, organization: str = "") -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organization:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        self.write(file, key, self.sign(x509.Name(attributes), key))

    def write(self, file: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        (self.folder / f"{file}.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
        (self.folder / f"{file}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def kubeconfig(folder: Path, user: str) -> str:
    path = folder / f"{user}.kubeconfig"
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": user}}],
        "clusters": [{"name": "c", "cluster": {
            "server": "https://127.0.0.1:6443", "certificate-authority": str(folder / "ca.crt")}}],
        "users": [{"name": user, "user": {
            "client-certificate": str(folder / f"{user}.crt"), "client-key": str(folder / f"{user}.key")}}],
    }))
    return str(path)


def prepare(folder: Path) -> None:
    """Certificates and files made before the clock starts."""
    pki = folder / "pki"
    pki.mkdir()
    ca = Authority(pki)
    for file, name, organization in (
        ("server", "kube-apiserver", ""), ("admin", "admin", "system:masters"),
        ("kubelet", f"system:node:{NODE}", "system:nodes"),
        ("kcm", "system:kube-controller-manager", ""), ("scheduler", "system:kube-scheduler", ""),
    ):
        ca.issue(file, name, organization)
        kubeconfig(pki, file)
    cni = folder / "cni"
    cni.mkdir()
    (cni / "10-bridge.conflist").write_text(json.dumps({
        "cniVersion": "1.0.0", "name": "floor",
        "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": True,
                     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]]}}]}))
    bins = folder / "bin"
    bins.mkdir()
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "containerd"):
        (bins / name).symlink_to(COMPONENTS / "node")
    (bins / "containerd-shim-runc-v2").symlink_to(COMPONENTS / "shim")
    (bins / "runc").symlink_to(COMPONENTS / "runc")
    for name in ("bridge", "host-local", "loopback"):
        (cni / name).symlink_to(COMPONENTS / "cni")
    limited = capabilities.CAP_SYS_RESOURCE not in capabilities.of_process()["CapEff"]
    (folder / "containerd.toml").write_text(f"""
version = 3
root = "{folder}/var/containerd"
state = "{folder}/run/containerd"
[grpc]
address = "{folder}/containerd.sock"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = {str(limited).lower()}
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{cni}"]
conf_dir = "{cni}"
""")
    (folder / "kubelet.json").write_text(json.dumps({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                           "x509": {"clientCAFile": str(pki / "ca.crt")}},
        "cgroupDriver": "cgroupfs", "cgroupRoot": "/", "failCgroupV1": False, "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        "imageServiceEndpoint": f"unix://{folder}/containerd.sock", "enforceNodeAllocatable": [],
    }))


def commands(folder: Path) -> dict[str, list[str]]:
    pki = folder / "pki"
    ca, server, key = (str(pki / f) for f in ("ca.crt", "server.crt", "server.key"))
    return {
        "etcd": ["--data-dir", f"{folder}/var/etcd", "--listen-client-urls", "https://127.0.0.1:2379",
                 "--advertise-client-urls", "https://127.0.0.1:2379", "--client-cert-auth", "--trusted-ca-file", ca,
                 "--cert-file", server, "--key-file", key],
        "kube-apiserver": [
            "--etcd-servers=https://127.0.0.1:2379", f"--etcd-cafile={ca}", f"--etcd-certfile={pki}/admin.crt",
            f"--etcd-keyfile={pki}/admin.key", f"--client-ca-file={ca}", f"--tls-cert-file={server}",
            f"--tls-private-key-file={key}", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}", "--service-account-issuer=https://kubernetes",
            "--service-cluster-ip-range=10.96.0.0/12", "--authorization-mode=Node,RBAC",
            f"--advertise-address={ADDRESS}", f"--kubelet-client-certificate={pki}/admin.crt",
            f"--kubelet-client-key={pki}/admin.key"],
        "kube-controller-manager": [
            f"--kubeconfig={pki}/kcm.kubeconfig", f"--root-ca-file={ca}", f"--cluster-signing-cert-file={ca}",
            f"--cluster-signing-key-file={pki}/ca.key", f"--service-account-private-key-file={key}",
            "--use-service-account-credentials"],
        "kube-scheduler": [f"--kubeconfig={pki}/scheduler.kubeconfig"],
        "containerd": ["--config", f"{folder}/containerd.toml"],
        "kubelet": [f"--kubeconfig={pki}/kubelet.kubeconfig", f"--config={folder}/kubelet.json",
                    f"--hostname-override={NODE}", f"--root-dir={folder}/var/kubelet", f"--node-ip={ADDRESS}"],
    }


def ask(folder: Path, path: str) -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=str(folder / "pki" / "ca.crt"))
    context.load_cert_chain(folder / "pki" / "admin.crt", folder / "pki" / "admin.key")
    connection = http.client.HTTPSConnection("127.0.0.1", 6443, context=context, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def until(condition: Callable[[], bool], what: str, began: float) -> float:
    while time.monotonic() - began < WAIT_S:
        try:
            if condition():
                return time.monotonic() - began
        except (OSError, http.client.HTTPException, ValueError):
            pass
        time.sleep(0.03)
    raise SystemExit(f"floor: {what} not reached within {WAIT_S:.0f} s")


def ready(folder: Path) -> bool:
    status, body = ask(folder, f"/api/v1/nodes/{NODE}")
    return status == 200 and any(
        c["type"] == "Ready" and c["status"] == "True" for c in json.loads(body)["status"].get("conditions", []))


def inside(folder: Path) -> None:
    """Runs in its own mount, pid, uts and network namespace; prints one JSON line."""
    run = lambda *argv: subprocess.run(argv, check=True, capture_output=True)  # noqa: E731
    run("mount", "--make-rshared", "/")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0p")
    run("ip", "link", "set", "eth0p", "up")
    run("ip", "addr", "add", f"{ADDRESS}/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    run("ip", "route", "add", "default", "dev", "eth0")
    run("hostname", NODE)
    environment = {"PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    began = time.monotonic()
    processes = []
    for name, arguments in commands(folder).items():
        while name == "kubelet" and not (folder / "containerd.sock").exists():
            time.sleep(0.005)  # it ends at once when there is no container runtime
        with (folder / f"{name}.log").open("wb") as log:
            processes.append(subprocess.Popen(
                [str(folder / "bin" / name), *arguments], stdout=log, stderr=log, env=environment))
    api_s = until(lambda: ask(folder, "/readyz")[0] == 200, "apiserver /readyz", began)
    node_s = until(lambda: ready(folder), "node Ready", began)
    for process in processes:
        process.send_signal(signal.SIGKILL)
    print(json.dumps({"apiserver_ready_s": round(api_s, 2), "node_ready_s": round(node_s, 2)}))


def own_cgroups() -> list[Path]:
    """A child cgroup in every hierarchy, entered by this process: the host's own are never changed."""
    made = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for mount in Path("/proc/mounts").read_text().splitlines():
            _, where, kind, options = mount.split()[:4]
            same = kind == "cgroup2" if not controllers else (
                kind == "cgroup" and set(controllers.split(",")) & {*options.split(","), where.rsplit("/", 1)[-1]})
            if not same:
                continue
            parent = Path(where + path)
            child = parent / f"floor-{os.getpid()}"
            child.mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (child / name).exists() and controllers:
                    (child / name).write_text((parent / name).read_text())
            (child / "cgroup.procs").write_text(str(os.getpid()))
            made.append(child)
            break
    return made


def remove_cgroups(folders: list[Path]) -> None:
    for top in folders:
        (top.parent / "cgroup.procs").write_text(str(os.getpid()))
        for folder in sorted((p for p in top.rglob("*") if p.is_dir()), reverse=True):
            folder.rmdir()
        top.rmdir()


def measure() -> dict[str, float]:
    """Seconds from the start of the six programs to an apiserver that answers and to a Ready node."""
    if not (COMPONENTS / "node").exists():
        raise SystemExit("floor: no components; run `make components` first")
    folder = Path(tempfile.mkdtemp(prefix="talos-floor-"))
    made = own_cgroups()
    try:
        prepare(folder)
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--cgroup", "--fork", "--kill-child", "--mount-proc",
             sys.executable, "-m", "bench.floor", "inside", str(folder)],
            cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S * 2)
        if done.returncode:
            raise SystemExit(f"floor failed: {done.stdout}{done.stderr}; logs were in {folder}")
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))
    finally:
        time.sleep(0.2)
        remove_cgroups(made)
        if not os.environ.get("FLOOR_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "inside":
        inside(Path(sys.argv[2]))
    else:
        print(json.dumps(measure()))

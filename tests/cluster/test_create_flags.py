"""A cluster made with the flags that the others do without, images from a cache that talosctl serves, and what is kept
when it goes."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from talos.imagecache.layout import MANIFEST_TYPES, Cache
from talos.provision.companion import gone
from talos.versions import DEFAULT_KUBERNETES_VERSION
from tests.cluster import archive
from tests.cluster.cluster import TALOSCTL, Cluster, at, run, wait_for
from tests.cluster.egress import Egress

API, PRISM, EXPOSED = 7443, 7446, 17443
ELSEWHERE = "198.51.100.7"
"""TEST-NET-2 of RFC 5737: an address of this host outside of the cluster's network"""
IMAGE = "registry.example.org/some/thing:1"


@pytest.fixture(scope="module")
def flagged(host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane node and a worker, from maintenance mode on."""
    folder = tmp_path_factory.mktemp("flags")
    (folder / "shared").mkdir()
    (folder / "shared/file").write_text("of the host")
    made = at(folder / "clusters", "flags")
    with Egress(made.directory):
        try:
            made.create(
                "docker",
                *("--workers", "1", "--memory-workers", "1GiB", "--with-apply-config"),
                *("--control-plane-port", str(API), "--kubeprism-port", str(PRISM)),
                *("--with-firewall", "block", "--airgapped", "--disable-ipv6"),
                *("--with-network-chaos", "--with-network-bandwidth", "400000"),
                *("--exposed-ports", f"{EXPOSED}:{API}/tcp", "--no-masquerade-cidrs", f"{ELSEWHERE}/32"),
                *("--mount", f"type=bind,source={folder}/shared,target=/var/mnt/shared,readonly"),
            )
            yield made
        finally:
            made.destroy()


def inside(made: Cluster, number: int, code: str) -> str:
    """What a line of Python prints in the network of a node."""
    command = ("nsenter", "--net", "--target", str(made.init_pid(made.nodes[number])), "python3", "-c", code)
    done = run(*command)
    assert done.code == 0, done.text
    return done.out.strip()


def connects(address: str, port: int, source: str = "") -> bool:
    """Whether a connection from this host, from one of its addresses, is taken."""
    try:
        with socket.create_connection((address, port), timeout=5, source_address=(source, 0) if source else None):
            return True
    except OSError:
        return False


def test_it_came_up_and_asked_nobody_outside(flagged: Cluster) -> None:
    flagged.wait_ready()
    gateway = flagged.model.gateway
    assert Egress(flagged.directory).destinations() <= {f"{gateway}/udp/53", f"{gateway}/tcp/53"}


def test_ports_of_the_kubernetes_api(flagged: Cluster) -> None:
    node = flagged.nodes[0]
    assert flagged.model.endpoint == f"https://{node.address}:{API}"
    assert connects(node.address, API) and not connects(node.address, 6443)
    assert connects(flagged.model.gateway, EXPOSED), "by way of the exposed port"
    (prism,) = flagged.resources(flagged.nodes[1], "kubeprismconfigs")
    assert prism["spec"]["port"] == PRISM
    assert inside(flagged, 1, f"import socket; socket.create_connection(('127.0.0.1', {PRISM})); print(1)") == "1"


def test_the_firewall_lets_in_the_cluster_and_nobody_else(flagged: Cluster) -> None:
    worker = flagged.nodes[1]
    bridge = flagged.directory.bridge
    assert run("ip", "address", "add", f"{ELSEWHERE}/32", "dev", bridge).code == 0  # goes with the bridge
    assert connects(worker.address, 50000)
    assert not connects(worker.address, 50000, ELSEWHERE)
    flagged.wait_pods()  # which reach the API and each other through it


def test_nothing_is_sent_out(flagged: Cluster) -> None:
    """Refused on the way, and at once: a node that waits for an answer would wait long."""
    code = (
        "import socket\n"
        "try: socket.create_connection(('203.0.113.9', 9), 60)\n"
        "except TimeoutError: print('silence')\n"
        "except OSError: print('refused')"
    )
    assert inside(flagged, 1, code) == "refused"
    listing = run("nft", "list", "table", "inet", flagged.directory.table).out
    (line,) = [line for line in listing.splitlines() if "reject" in line]
    assert "packets 0" not in line


def test_a_folder_of_the_host_is_there_and_is_read_only(flagged: Cluster) -> None:
    for node in flagged.nodes:
        assert flagged.ok("read", "/var/mnt/shared/file", "--nodes", node.address) == "of the host"
        (mount,) = [m for m in flagged.ok("mounts", "--nodes", node.address).splitlines() if "/var/mnt/shared" in m]
        assert mount
    init = flagged.init_pid(flagged.nodes[1])
    options = Path(f"/proc/{init}/mountinfo").read_text()
    (line,) = [line for line in options.splitlines() if " /var/mnt/shared " in line]
    assert line.split()[5].split(",")[0] == "ro"


def test_the_network_is_as_slow_as_asked_for(flagged: Cluster) -> None:
    for node in flagged.nodes:
        shown = run("tc", "qdisc", "show", "dev", flagged.directory.veth(node)).out
        assert shown.startswith("qdisc tbf") and "rate 400Mbit" in shown


def test_ipv6_is_off(flagged: Cluster) -> None:
    assert inside(flagged, 0, "print(open('/proc/sys/net/ipv6/conf/eth0/disable_ipv6').read())") == "1"


def image(cache: Cache, registry: str, repository: str, tag: str, files: dict[str, bytes], *command: str) -> str:
    """An image of some files, kept as cache-create keeps it; its digest."""
    layer = archive.tar(files, mode=0o755)
    diff = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    root = {"type": "layers", "diff_ids": [diff]}
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": list(command)}, "rootfs": root}
    ).encode()
    kinds = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar")
    descriptors = []
    for kind, data in zip(kinds, (config, layer), strict=True):
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        cache.keep_blob(digest, [data])
        descriptors.append({"mediaType": kind, "digest": digest, "size": len(data)})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPES[0],
        "config": descriptors[0],
        "layers": descriptors[1:],
    }
    return cache.keep_manifest(registry, repository, json.dumps(manifest).encode(), tag)


@contextmanager
def served(made: Cluster, folder: Path, mirror: str) -> Iterator[None]:
    """The cache in a folder, served over TLS; all nodes have the documents that cache-serve prints, nothing else."""
    certificate = run(TALOSCTL, "image", "cache-cert-gen", "--advertised-address", made.model.gateway, cwd=folder)
    assert certificate.code == 0, certificate.text
    serve = [TALOSCTL, "image", "cache-serve", "--image-cache-path", "images", "--address", f"{made.model.gateway}:0"]
    serve += ["--tls-cert-file", "tls.crt", "--tls-key-file", "tls.key", "--mirror", mirror]
    with (folder / "mirrors.yaml").open("w") as documents, (folder / "log").open("w") as log:
        process = subprocess.Popen(serve, cwd=folder, stdout=documents, stderr=log)
    try:
        wait_for(lambda: "serving on https://" in (folder / "log").read_text(), "it listens", 30)
        patch = f"@{folder}/mirrors.yaml"
        made.ok("patch", "mc", "--nodes", made.addresses, "--mode", "no-reboot", "--patch", patch)
        yield
    finally:
        process.terminate()
        process.wait()


def test_nodes_pull_from_a_cache_that_talosctl_serves(flagged: Cluster, tmp_path: Path) -> None:
    """containerd is the foreign client here."""
    files = {"hello": b"from the cache"}
    digest = image(Cache(tmp_path / "images"), "registry.example.org", "some/thing", "1", files)
    worker = flagged.nodes[1]
    with served(flagged, tmp_path, "registry.example.org"):

        def pulled() -> bool:
            return flagged.try_talosctl("image", "pull", IMAGE, "--nodes", worker.address).code == 0

        wait_for(pulled, "the image is pulled through the mirror", 60)
    rows = [row.split() for row in flagged.ok("image", "list", "--nodes", worker.address).splitlines()]
    assert [row[2] for row in rows if row[1] == IMAGE] == [digest]


def test_nodes_pull_from_a_cache_that_comes_and_goes_with_their_cluster(host: None, tmp_path: Path) -> None:
    """No document is written by hand, nothing else is on the way out, and nothing is left behind."""
    digest = image(Cache(tmp_path / "images"), "registry.example.org", "some/thing", "1", {"hello": b"from the cache"})
    made = at(tmp_path / "clusters", "cached")
    made.directory.path.parent.mkdir()
    certificate = run(TALOSCTL, "image", "cache-cert-gen", "--advertised-address", "10.195.7.1", cwd=tmp_path)
    assert certificate.code == 0, certificate.text
    tls = ("--image-cache-tls-cert-file", tmp_path / "tls.crt", "--image-cache-tls-key-file", tmp_path / "tls.key")
    try:
        made.create(
            "dev",
            *("--workers", "0", "--subnet", "10.195.7.0/24", "--airgapped", "--skip-k8s-node-readiness-check"),
            *("--image-cache-path", tmp_path / "images", "--image-cache-port", "5123", *tls),
        )
        node = made.nodes[0]
        made.ok("image", "pull", IMAGE, "--nodes", node.address)
        rows = [row.split() for row in made.ok("image", "list", "--nodes", node.address).splitlines()]
        assert [row[2] for row in rows if row[1] == IMAGE] == [digest]
        server = json.loads(made.directory.image_cache.read_text())["pid"]
    finally:
        made.destroy()
    assert gone(server)


CACHED = "apiVersion: v1alpha1\nkind: ImageCacheConfig\nlocal: {enabled: true}\n"


def test_a_node_serves_its_own_cache_and_copies_the_medium_to_it(host: None, tmp_path: Path) -> None:
    """With nothing else on the way out. What is on a medium and on a volume of a machine is mounted here."""
    medium, volume = tmp_path / "medium", tmp_path / "volume"
    volume.mkdir()
    digest = image(Cache(medium / "imagecache"), "registry.example.org", "some/thing", "1", {"hello": b"cached"})
    made = at(tmp_path / "clusters", "own")
    places = (("iso", medium, ",readonly"), ("disk", volume, ""))
    try:
        made.create(
            "docker",
            *("--workers", "0", "--airgapped", "--skip-k8s-node-readiness-check", "--config-patch", CACHED),
            *(
                word
                for name, source, more in places
                for word in ("--mount", f"type=bind,source={source},target=/system/imagecache/{name}{more}")
            ),
        )
        node = made.nodes[0]

        def settled() -> bool:
            (found,) = made.resources(node, "imagecacheconfigs")
            return (found["spec"]["status"], found["spec"]["copyStatus"]) == ("ready", "ready")

        wait_for(settled, "the cache is served and copied", 60)
        (found,) = made.resources(node, "imagecacheconfigs")
        assert found["spec"]["roots"] == ["/system/imagecache/disk", "/system/imagecache/iso/imagecache"]
        assert Cache(volume).manifest("registry.example.org", "some/thing", "1").exists()
        made.ok("image", "pull", IMAGE, "--nodes", node.address)
        rows = [row.split() for row in made.ok("image", "list", "--nodes", node.address).splitlines()]
        assert [row[2] for row in rows if row[1] == IMAGE] == [digest]
        assert "/v2/some/thing/manifests/1?ns=registry.example.org" in made.ok(
            "logs", "registryd", "--nodes", node.address
        )
        # Turned off, nothing of it is left.
        off = CACHED.replace("true", "false")
        made.ok("patch", "mc", "--nodes", node.address, "--mode", "no-reboot", "--patch", off)
        wait_for(lambda: made.resources(node, "imagecacheconfigs")[0]["spec"]["status"] == "disabled", "off", 30)
        wait_for(lambda: "3172" not in inside(made, 0, LISTENING), "nobody listens", 30)
    finally:
        made.destroy()


# Ports; state 0A is LISTEN (proc_net_tcp(5)): connections that were closed stay in the list for a minute.
LISTENING = """
rows = [line.split() for line in open('/proc/net/tcp').readlines()[1:]]
print([int(row[1].partition(':')[2], 16) for row in rows if row[3] == '0A'])
"""


# In place of upstream's runner, which is in no registry that tests may ask: what it is told, and a verdict.
RUNNER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  char *focus = getenv("E2E_FOCUS"), *skip = getenv("E2E_SKIP");
  printf("focus %s\nskip %s\n", focus, skip); fflush(stdout); sleep(3);
  printf("token %d\nlast line\n", access("/var/run/secrets/kubernetes.io/serviceaccount/token", R_OK));
  return !strcmp(focus, "NetworkPolicy");
}
"""


def test_conformance_tests_run_in_the_cluster(flagged: Cluster, tmp_path: Path) -> None:
    """The command's own part: the pod, its rights, its output as it comes, the verdict, and nothing left."""
    (tmp_path / "runner.c").write_text(RUNNER)
    subprocess.run(["cc", "-static", "-o", tmp_path / "runner", tmp_path / "runner.c"], check=True)
    files = {"gorunner": (tmp_path / "runner").read_bytes()}
    tag = f"v{DEFAULT_KUBERNETES_VERSION}"
    image(Cache(tmp_path / "images"), "registry.k8s.io", "conformance", tag, files, "/gorunner")
    first = ("--nodes", flagged.nodes[0].address)
    with served(flagged, tmp_path, "registry.k8s.io"):
        passed = flagged.try_talosctl("conformance", "kubernetes", *first)
        assert passed.code == 0, passed.text
        assert passed.out.splitlines() == [r"focus \[Conformance\]", r"skip \[Serial\]", "token 0", "last line"]
        wait_for(lambda: flagged.try_kubectl("get", "namespace", "conformance").code != 0, "nothing is left", 60)
        failed = flagged.try_talosctl("conformance", "k8s", "--mode", "network-policy", *first)
        assert failed.code == 1 and "last line" in failed.out and failed.err.endswith("the tests failed\n")
    assert flagged.try_kubectl("get", "clusterrolebinding", "conformance").code != 0


def test_what_is_kept_when_it_goes(flagged: Cluster, tmp_path: Path) -> None:
    """Last: afterwards there is no cluster."""
    logs, support = tmp_path / "logs.tar.gz", tmp_path / "support.zip"
    destroy = [TALOSCTL, "cluster", "destroy", "--name", flagged.name, "--state", flagged.state]
    saved = ["--save-cluster-logs-archive-path", logs, "--save-support-archive-path", support]
    names = [node.name for node in flagged.nodes]
    addresses = [node.address for node in flagged.nodes]
    done = run(*destroy, *saved)
    assert done.code == 0, done.text
    assert not flagged.directory.exists()
    with tarfile.open(logs) as tar:
        assert {f"{name}/console.log" for name in names} | {f"{name}/machined.log" for name in names} <= set(
            tar.getnames()
        )
    with zipfile.ZipFile(support) as bundle:
        assert {f"{address}/summary" for address in addresses} <= set(bundle.namelist())

"""What clients of Talos look for among a node's resources: the ids, owners and finalizers of a genuine container node.

By what was recorded of one; docs/reference/resources.md says where ours says something else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import TALOSCTL, Cluster, run, wait_for

HELD = {
    "hostnamespecs": "network.HostnameSpecController",
    "resolverspecs": "network.ResolverSpecController",
    "timeserverspecs": "network.TimeServerSpecController",
    "addressspecs": "network.AddressSpecController",
    "linkspecs": "network.LinkSpecController",
    "etcfilespecs": "files.EtcFileController",
    "volumeconfigs": "block.VolumeManagerController",
    "volumestatuses": "block.MountController",
}
"""type → finalizer on it"""


def one(cluster: Cluster, kind: str, id: str, node: int = 0) -> dict[str, Any]:
    (found,) = cluster.resources(cluster.nodes[node], kind, id)
    return found


@pytest.mark.parametrize(
    ("kind", "id", "owner"),
    [
        ("memorystats", "latest", "perf.StatsController"),
        ("cpustats", "latest", "perf.StatsController"),
        ("ethernetstatuses", "eth0", "network.EthernetStatusController"),
        ("kubespanconfigs", "kubespan", "kubespan.ConfigController"),
        ("kubernetesaccessconfigs", "config", "kubeaccess.ConfigController"),
        ("acquireconfigstatuses", "machine-config", "config.AcquireController"),
        ("encryptionsalts", "salt", "secrets.EncryptionSaltController"),
        ("maintenanceserviceconfigs", "maintenance", "runtime.MaintenanceConfigController"),
        ("imagecacheconfigs", "image-cache", "cri.ImageCacheConfigController"),
        ("platformmetadatas", "platformmetadata", "network.PlatformConfigApplyController"),
        ("mountstatuses.block.talos.dev", "/var/lib", "block.MountController"),
    ],
)
def test_a_resource_is_there_and_its_owner_has_the_name_that_is_known(
    cluster: Cluster, kind: str, id: str, owner: str
) -> None:
    assert one(cluster, kind, id)["metadata"]["owner"] == owner


def test_upstreams_of_the_dns_cache_have_their_own_controller(cluster: Cluster) -> None:
    found = cluster.resources(cluster.nodes[0], "dnsupstreams")
    assert {resource["metadata"]["owner"] for resource in found} == {"network.DNSUpstreamController"}


def test_what_is_in_use_is_held(cluster: Cluster) -> None:
    for kind, holder in HELD.items():
        held = [r["metadata"]["id"] for r in cluster.resources(cluster.nodes[0], kind)
                if holder in r["metadata"].get("finalizers", ())]  # fmt: skip
        assert held, (kind, holder)


def test_statistics_are_the_machines(cluster: Cluster) -> None:
    """A container sees its host's memory and processors, as processes in it do."""
    memory = one(cluster, "memorystats", "latest")["spec"]
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    assert memory["total"] == int(total.split()[1])
    assert 0 < memory["used"] < memory["total"]
    cpu = one(cluster, "cpustats", "latest")["spec"]
    assert len(cpu["cpu"]) == Path("/proc/cpuinfo").read_text().count("processor\t")
    version = one(cluster, "cpustats", "latest")["metadata"]["version"]
    wait_for(lambda: one(cluster, "cpustats", "latest")["metadata"]["version"] > version, "a later half minute", 90)


def test_an_ethernet_link_is_described_by_its_driver(cluster: Cluster) -> None:
    spec = one(cluster, "ethernetstatuses", "eth0")["spec"]
    assert (spec["linkState"], spec["port"], spec["duplex"], spec["speedMbit"]) == (True, "TwistedPair", "Full", 10000)
    assert spec["features"]["rx-lro"] == "off [fixed]"
    assert "lo" not in {r["metadata"]["id"] for r in cluster.resources(cluster.nodes[0], "ethernetstatuses")}


def test_a_worker_gives_no_pods_access_and_waits_for_no_configuration(cluster: Cluster) -> None:
    worker = cluster.nodes[-1]
    assert cluster.resources(worker, "kubernetesaccessconfigs") == []
    assert cluster.resources(worker, "maintenanceservicerequests") == []
    reached = one(cluster, "maintenanceserviceconfigs", "maintenance", -1)["spec"]
    assert worker.address in reached["reachableAddresses"] and reached["listenAddress"] == ":50000"


def test_the_salt_is_the_file_on_state_and_for_administrators_alone(cluster: Cluster, tmp_path: Path) -> None:
    node, config = cluster.nodes[0], tmp_path / "reader"
    import yaml

    salt = yaml.safe_load(cluster.node_path(node, "/system/state/encryption-salt.yaml").read_bytes())["diskSalt"]
    assert bytes(one(cluster, "encryptionsalts", "salt")["spec"]["diskSalt"]) == salt
    cluster.ok("config", "new", "--roles", "os:operator", "--nodes", node.address, config)
    for kind in ("encryptionsalts", "kubespanconfigs"):
        done = run(TALOSCTL, "--talosconfig", config, "--nodes", node.address, "get", kind)
        assert done.code != 0
        assert "not authorized" in done.err
        assert done.out.count("\n") <= 1

"""What flags of `cluster create` become in the nodes' configurations."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from talos.config.config import Config
from talos.provision.configs import ConfigOptions
from talos.provision.generate import generate
from talos.provision.model import CONTROL_PLANE, WORKER, ClusterModel, NodeModel, ProvisionError


def documents(role: str, **changes: Any) -> dict[str, list[dict[str, Any]]]:
    """Documents of a role by kind."""
    node = NodeModel("demo-controlplane-1", CONTROL_PLANE, "10.7.0.2", 1)
    endpoint = f"https://10.7.0.2:{changes.get('control_plane_port', 6443)}"
    model = ClusterModel("demo", "10.7.0.0/24", "10.7.0.1", 1500, "", "", "", "1.37.0", endpoint, nodes=[node])
    text = generate(model, ConfigOptions(**changes)).by_role[role]
    found: dict[str, list[dict[str, Any]]] = {}
    for document in yaml.safe_load_all(text):
        found.setdefault(document.get("kind", "v1alpha1"), []).append(document)
    assert Config.decode(text).machine.configured
    return found


def test_without_flags_there_is_no_firewall_and_the_bridge_resolves() -> None:
    found = documents(WORKER)
    assert "NetworkDefaultActionConfig" not in found
    assert found["ResolverConfig"][0]["nameservers"] == [{"address": "10.7.0.1"}]
    assert found["KubePrismConfig"][0]["port"] == 7445


def test_nameservers_take_the_place_of_the_bridge() -> None:
    found = documents(WORKER, nameservers=("192.0.2.1", "2001:db8::1"))
    assert found["ResolverConfig"][0]["nameservers"] == [{"address": "192.0.2.1"}, {"address": "2001:db8::1"}]
    assert found["ResolverConfig"][0]["hostDNS"]["enabled"] is True


def test_ports_of_the_kubernetes_api() -> None:
    found = documents(CONTROL_PLANE, control_plane_port=7443, kube_prism_port=7446)
    assert found["KubeAPIServerConfig"][0]["apiPort"] == 7443
    assert found["KubeClusterConfig"][0]["endpoint"] == "https://10.7.0.2:7443"
    assert found["KubePrismConfig"][0]["port"] == 7446
    assert "KubeAPIServerConfig" not in documents(WORKER, control_plane_port=7443)


def test_another_network_than_flannel() -> None:
    found = documents(CONTROL_PLANE, cni_urls=("https://a.test/1.yaml", "https://a.test/2.yaml"))
    assert "KubeFlannelCNIConfig" not in found
    assert [d["url"] for d in found["KubeExternalManifestConfig"]] == ["https://a.test/1.yaml", "https://a.test/2.yaml"]


def test_registries_that_are_not_checked() -> None:
    found = documents(WORKER, insecure_registries=("a.test:5000",))
    assert [(d["name"], d["insecureSkipVerify"]) for d in found["RegistryTLSConfig"]] == [("a.test:5000", True)]


@pytest.mark.parametrize("role", [CONTROL_PLANE, WORKER])
def test_a_firewall_lets_the_cluster_in(role: str) -> None:
    found = documents(role, firewall="block", control_plane_port=7443)
    assert found["NetworkDefaultActionConfig"][0]["ingress"] == "block"
    rules = {d["name"]: d for d in found["NetworkRuleConfig"]}
    everywhere = {"apid", "kubelet", "cni-vxlan"}
    assert set(rules) == everywhere | ({"trustd", "etcd", "kubernetes-api"} if role == CONTROL_PLANE else set())
    assert all(rule["ingress"] == [{"subnet": "10.7.0.0/24"}] for rule in rules.values())
    if role == CONTROL_PLANE:
        assert rules["kubernetes-api"]["portSelector"] == {"ports": ["7443"], "protocol": "tcp"}


def test_a_firewall_that_nobody_knows() -> None:
    with pytest.raises(ProvisionError, match="--with-firewall maybe: choose accept or block"):
        documents(WORKER, firewall="maybe")


def test_volumes_of_the_user_lie_on_the_disks_that_were_made_for_them() -> None:
    wanted = ((("data", 2 << 30), ("logs", 1 << 30)), (("more", 3 << 30),))
    found = documents(WORKER, user_volumes=wanted, encrypt_user_volumes=True, encryption_keys=("uuid",))
    assert [
        (volume["name"], volume["provisioning"]["diskSelector"]["match"], int(volume["provisioning"]["minSize"]))
        for volume in found["UserVolumeConfig"]
    ] == [
        ("data", 'disk.serial == "user-volumes-0"', 2 << 30),
        ("logs", 'disk.serial == "user-volumes-0"', 1 << 30),
        ("more", 'disk.serial == "user-volumes-1"', 3 << 30),
    ]
    assert all(volume["encryption"]["keys"] == [{"slot": 0, "nodeID": {}}] for volume in found["UserVolumeConfig"])
    assert "VolumeConfig" not in found or all("encryption" not in volume for volume in found["VolumeConfig"])


def test_without_kubernetes_there_is_nothing_of_it() -> None:
    for role, kept in ((CONTROL_PLANE, set()), (WORKER, {"KubeClusterConfig"})):
        found = documents(role, kubernetes=False)
        assert {kind for kind in found if kind.startswith("Kube")} == kept
        assert found["v1alpha1"][0]["cluster"] == {}


def test_the_first_node_alone_is_of_the_type_init() -> None:
    nodes = [NodeModel(f"demo-controlplane-{n}", CONTROL_PLANE, f"10.7.0.{n + 1}", n) for n in (1, 2)]
    nodes.append(NodeModel("demo-worker-1", WORKER, "10.7.0.4", 3))
    model = ClusterModel(
        "demo", "10.7.0.0/24", "10.7.0.1", 1500, "", "", "", "1.37.0", "https://10.7.0.2:6443", nodes=nodes
    )
    patch = "machine: {certSANs: [a.test]}"
    made = generate(model, ConfigOptions(init_node=True, control_plane_patches=(patch,)))
    machines = [next(iter(yaml.safe_load_all(made.of(node))))["machine"] for node in nodes]
    assert [(m["type"], m.get("certSANs")) for m in machines] == [
        ("init", ["a.test"]), ("controlplane", ["a.test"]), ("worker", []),
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["v1.13", "v1.14"])
def test_the_installer_image_is_written_and_a_container_looks_at_neither(version: str) -> None:
    image = "registry.test/installer:v1.14.1"
    found = documents(WORKER, install_image=image, talos_version=version)
    if version == "v1.14":
        assert found["UnattendedInstallConfig"][0]["installer"]["image"] == image
    else:
        assert found["v1alpha1"][0]["machine"]["install"]["image"] == image
    assert "UnattendedInstallConfig" not in documents(WORKER)

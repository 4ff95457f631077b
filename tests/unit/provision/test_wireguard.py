"""`cluster create --wireguard-cidr`: every node's configuration has a link to all others."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from tests.unit.controllers.network.test_wireguard import kernel_has_it
from tests.wires import root

from talos.config.config import Config
from talos.linux import wireguard as wg
from talos.provision import preflight, wireguard
from talos.provision.configs import ConfigOptions, GeneratedConfigs
from talos.provision.generate import generate
from talos.provision.model import CONTROL_PLANE, QEMU, WORKER, ClusterModel, NodeModel, ProvisionError


def cluster(workers: int = 2, mtu: int = 1500) -> ClusterModel:
    roles = [CONTROL_PLANE] + [WORKER] * workers
    nodes = [NodeModel(f"demo-{n}", role, f"10.7.0.{n + 1}", n) for n, role in enumerate(roles, 1)]
    endpoint = "https://10.7.0.2:6443"
    return ClusterModel("demo", "10.7.0.0/24", "10.7.0.1", mtu, "", "", "", "1.37.0", endpoint, nodes=nodes)


def made(model: ClusterModel, **more: Any) -> tuple[GeneratedConfigs, dict[str, dict[str, Any]]]:
    """Configurations, and the WireGuard document of each node by the node's name."""
    generated = generate(model, ConfigOptions(wireguard="10.1.0.0/24", **more))
    links = {}
    for node in model.nodes:
        text = generated.of(node)
        (links[node.name],) = (one for one in yaml.safe_load_all(text) if one.get("kind") == "WireguardConfig")
        assert Config.decode(text).machine.configured
    return generated, links


def test_every_node_has_every_other_for_a_peer() -> None:
    model = cluster()
    _, links = made(model)
    public = {}
    for name, link in links.items():
        private_key = X25519PrivateKey.from_private_bytes(wg.key(link["privateKey"]))
        public[name] = wg.key_text(private_key.public_key().public_bytes_raw())
    assert len(set(public.values())) == len(model.nodes)
    addresses = {name: link["addresses"][0]["address"] for name, link in links.items()}
    assert list(addresses.values()) == ["10.1.0.2/24", "10.1.0.3/24", "10.1.0.4/24"]
    by_name = {node.name: node for node in model.nodes}
    for one, other in itertools.permutations(links, 2):
        assert {
            "publicKey": public[other],
            "endpoint": f"{by_name[other].address}:51111",
            "persistentKeepaliveInterval": "5s",
            "allowedIPs": [addresses[other].replace("/24", "/32")],
        } in links[one]["peers"]
    assert {len(link["peers"]) for link in links.values()} == {len(model.nodes) - 1}
    assert {(link["name"], link["listenPort"], link["mtu"]) for link in links.values()} == {("wg0", 51111, 1420)}


@pytest.mark.parametrize("version", ["", "v1.12"])
def test_nodes_are_known_by_the_clusters_own_network(version: str) -> None:
    model = cluster()
    model.provisioner, model.disks = QEMU, [10 << 30]
    generated, _ = made(model, talos_version=version)
    for node in model.nodes:
        config = Config.decode(generated.of(node))
        assert config.kubelet.node.valid_subnets == ("10.7.0.0/24",)
        assert bool(config.kubelet.node.taints) == (node.role == CONTROL_PLANE)
        if node.role == CONTROL_PLANE:
            assert config.cluster.etcd.advertised_subnets == ("10.7.0.0/24",)


def test_the_link_fits_into_a_smaller_network_and_patches_come_after() -> None:
    patch = "apiVersion: v1alpha1\nkind: WireguardConfig\nname: wg0\nfirewallMark: 9\n"
    _, links = made(cluster(mtu=1400), patches=(patch,))
    assert {(link["mtu"], link["firewallMark"]) for link in links.values()} == {(1320, 9)}


def test_a_firewall_lets_it_in() -> None:
    generated, _ = made(cluster(), firewall="block")
    rules = {one["name"]: one for one in yaml.safe_load_all(generated.of(cluster().nodes[1]))
             if one.get("kind") == "NetworkRuleConfig"}  # fmt: skip
    assert rules["wireguard"]["portSelector"] == {"ports": ["51111"], "protocol": "udp"}
    assert rules["apid"]["ingress"] == [{"subnet": "10.7.0.0/24"}, {"subnet": "10.1.0.0/24"}]


def test_without_the_flag_nodes_of_a_role_are_alike() -> None:
    generated = generate(cluster(), ConfigOptions())
    assert not generated.by_node
    assert generated.of(cluster().nodes[1]) == generated.by_role[WORKER]
    assert "WireguardConfig" not in generated.by_role[WORKER]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "--wireguard-cidr 'x' is not a CIDR"),
        ("10.1.0.0/30", "has room for 1 nodes, 3 are wanted"),
        ("10.7.0.128/25", "overlaps with the nodes' network 10.7.0.0/24"),
        ("10.244.7.0/24", "overlaps with one of Kubernetes' networks 10.244.0.0/16"),
    ],
)
def test_a_network_that_does_not_do_is_refused(text: str, said: str) -> None:
    with pytest.raises(ProvisionError, match="--wireguard-cidr") as error:
        wireguard.check(cluster(), text)
    assert said in str(error.value)


@root
@pytest.mark.skipif(kernel_has_it(), reason="this kernel has WireGuard")
def test_a_host_without_it_says_so_in_one_sentence() -> None:
    with pytest.raises(ProvisionError) as error:
        preflight.wireguard()
    text = str(error.value)
    assert text.startswith("--wireguard-cidr: the kernel cannot make wireguard links")
    assert "run `modprobe wireguard` or use another kernel" in text
    assert "\n" not in text

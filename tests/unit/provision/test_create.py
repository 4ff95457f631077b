"""Decisions of `create` that need no root; what needs it is in tests/cluster."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path
from typing import Any

import pytest

from talos.provision import image
from talos.provision.configs import ConfigOptions
from talos.provision.create import CreateOptions, nodes, prepare
from talos.provision.model import ClusterDirectory, ClusterModel, PortMapping, ProvisionError
from talos.provision.network import check_ports, ruleset


def options(tmp_path: Path, **changes: object) -> CreateOptions:
    return CreateOptions(name="demo", state=tmp_path, **changes)  # type: ignore[arg-type]


def test_nodes_are_numbered_by_role_and_addressed_in_order(tmp_path: Path) -> None:
    wanted = options(tmp_path, controlplanes=2, workers=2, memory_workers=1 << 30)
    found = nodes(wanted, ipaddress.IPv4Network("10.7.0.0/24"))
    assert [(node.name, node.address, node.memory >> 30) for node in found] == [
        ("demo-controlplane-1", "10.7.0.2", 2),
        ("demo-controlplane-2", "10.7.0.3", 2),
        ("demo-worker-1", "10.7.0.4", 1),
        ("demo-worker-2", "10.7.0.5", 1),
    ]


def test_existing_cluster_is_not_touched(tmp_path: Path) -> None:
    wanted = options(tmp_path)
    (tmp_path / "demo").mkdir()
    with pytest.raises(ProvisionError, match=r"exists already.*cluster destroy --name demo"):
        prepare(wanted, ClusterDirectory(tmp_path, "demo"))


@pytest.mark.parametrize(
    ("changes", "flag"), [({"controlplanes": 0}, "--controlplanes 0"), ({"workers": -1}, "--workers -1")]
)
def test_impossible_numbers_name_the_flag(tmp_path: Path, changes: dict[str, int], flag: str) -> None:
    wanted = options(tmp_path, **changes)
    with pytest.raises(ProvisionError, match=flag):
        prepare(wanted, ClusterDirectory(tmp_path, "demo"))


def test_missing_image_tells_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="make root"):
        image.find_image(str(tmp_path / "absent"))


def test_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"\0" * 4096)
    with pytest.raises(ProvisionError, match="neither an erofs nor a squashfs"):
        image.filesystem(file)


def test_rules_of_a_cluster() -> None:
    text = ruleset("talosx", "talosx", ["10.5.0.0/24"], [PortMapping("127.0.0.1", 8080, 80)], ["10.5.0.2"])
    assert 'ip saddr 10.5.0.0/24 oifname != "talosx" counter masquerade' in text
    assert text.count("ip daddr 127.0.0.1 fib daddr type local tcp dport 8080 dnat ip to 10.5.0.2:80") == 2
    assert "dnat" not in ruleset("talosx", "talosx", ["10.5.0.0/24"], [], ["10.5.0.2"])


def test_rules_of_a_cluster_without_a_way_out() -> None:
    cidrs = ["192.0.2.0/24", "10.8.0.0/16"]
    text = ruleset("t", "br", ["10.5.0.0/24"], [], ["10.5.0.2"], airgapped=True, no_masquerade=cidrs)
    forward = text[text.index("chain forward") :].splitlines()
    assert [line.strip() for line in forward[2:5]] == [
        'iifname "br" ct state established,related accept',
        'iifname "br" oifname != "br" counter reject',
        'oifname "br" accept',
    ]
    kept = text.index("ip saddr 10.5.0.0/24 ip daddr { 192.0.2.0/24, 10.8.0.0/16 } accept")
    assert kept < text.index("masquerade")


def test_rules_of_both_families() -> None:
    subnets, nodes_ = ["10.5.0.0/24", "fd74:616c:a05::/64"], ["10.5.0.2", "fd74:616c:a05::2"]
    ports = [PortMapping("0.0.0.0", 8080, 80), PortMapping("::1", 8443, 443)]
    text = ruleset("t", "br", subnets, ports, nodes_, no_masquerade=["2001:db8::/32"])
    assert 'ip saddr 10.5.0.0/24 oifname != "br" counter masquerade' in text
    assert 'ip6 saddr fd74:616c:a05::/64 oifname != "br" counter masquerade' in text
    assert "ip6 saddr fd74:616c:a05::/64 ip6 daddr { 2001:db8::/32 } accept" in text and "ip daddr" not in text
    assert text.count("tcp dport 8080 dnat ip to 10.5.0.2:80") == 2, "in prerouting and output"
    assert text.count("tcp dport 8080 dnat ip6 to [fd74:616c:a05::2]:80") == 2
    assert text.count("8443") == text.count("ip6 daddr ::1 fib daddr type local tcp dport 8443 dnat ip6 to [") == 2


def test_a_port_of_a_family_that_no_node_has_is_refused() -> None:
    model = ClusterModel("demo", "fd74:616c:a05::/64", "fd74:616c:a05::1", 1500, "/image", "id", "/runc", "1.37.2")
    model.ports = [PortMapping("0.0.0.0", 8080, 80), PortMapping("::1", 8080, 80)]
    check_ports(model)
    model.ports.append(PortMapping("127.0.0.1", 8080, 80))
    with pytest.raises(ProvisionError, match=r"--host-ip 127.0.0.1: the nodes .* have IPv6 addresses alone"):
        check_ports(model)


def test_nodes_have_the_same_number_in_both_subnets(tmp_path: Path) -> None:
    four, six = ipaddress.IPv4Network("10.7.0.0/24"), ipaddress.IPv6Network("fd74:616c:a07::/64")
    found = nodes(options(tmp_path), four, six)
    assert [node.addresses for node in found] == [
        ["10.7.0.2", "fd74:616c:a07::2"],
        ["10.7.0.3", "fd74:616c:a07::3"],
    ]
    assert [node.addresses for node in nodes(options(tmp_path), six)] == [["fd74:616c:a07::2"], ["fd74:616c:a07::3"]]


def test_a_cluster_without_any_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="--ipv4=false leaves the nodes without any address: add --ipv6"):
        prepare(options(tmp_path, ipv4=False), ClusterDirectory(tmp_path, "demo"))


def test_ipv6_on_links_that_have_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="--ipv6 and --disable-ipv6 exclude each other"):
        prepare(options(tmp_path, ipv6=True, link_ipv6=False), ClusterDirectory(tmp_path, "demo"))


@pytest.mark.root
def test_the_kernel_takes_the_rules() -> None:
    """Every form of them, checked by nft alone: nothing is changed."""
    four, six = ("10.5.0.0/24", "10.5.0.2"), ("fd74:616c:a05::/64", "fd74:616c:a05::2")
    ports = [PortMapping("", 8080, 80), PortMapping("127.0.0.1", 8081, 81), PortMapping("::1", 8081, 81)]
    for airgapped in (False, True):
        for cidrs in ([], ["192.0.2.0/24"], ["192.0.2.0/24", "2001:db8::/32"]):
            for families in ([four], [six], [four, six]):
                subnets, targets = zip(*families, strict=True)
                script = ruleset("t", "br", subnets, ports, targets, airgapped=airgapped, no_masquerade=cidrs)
                command = ["nft", "-c", "-f", "-"]
                done = subprocess.run(command, input=script, text=True, capture_output=True, check=False)
                assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flag", "changes", "config"),
    [
        ("--with-init-node", {}, {"init_node": True}),
        ("--use-vip", {"use_vip": True}, {}),
        ("--control-plane-port", {}, {"control_plane_port": 7443}),
        ("--kubeprism-port", {}, {"kube_prism_port": 7446}),
        ("--custom-cni-url", {}, {"cni_urls": ("https://a.test",)}),
    ],
)
def test_how_kubernetes_runs_is_nothing_to_say_where_it_does_not(
    tmp_path: Path, flag: str, changes: dict[str, object], config: dict[str, Any]
) -> None:
    wanted = options(tmp_path, config=ConfigOptions(kubernetes=False, **config), **changes)
    with pytest.raises(ProvisionError, match=rf"--skip-etcd-k8s and {flag}: "):
        prepare(wanted, ClusterDirectory(tmp_path, "demo"))

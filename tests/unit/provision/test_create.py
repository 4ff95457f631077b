"""Decisions of `create` that need no root; what needs it is in tests/cluster."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path

import pytest

from talos.provision import image
from talos.provision.create import CreateOptions, nodes, prepare
from talos.provision.model import ClusterDirectory, PortMapping, ProvisionError
from talos.provision.network import ruleset


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
    text = ruleset("talosx", "talosx", "10.5.0.0/24", [PortMapping("127.0.0.1", 8080, 80)], "10.5.0.2")
    assert 'ip saddr 10.5.0.0/24 oifname != "talosx" counter masquerade' in text
    assert text.count("ip daddr 127.0.0.1 fib daddr type local tcp dport 8080 dnat ip to 10.5.0.2:80") == 2
    assert "dnat" not in ruleset("talosx", "talosx", "10.5.0.0/24", [], "10.5.0.2")


def test_rules_of_a_cluster_without_a_way_out() -> None:
    cidrs = ["192.0.2.0/24", "10.8.0.0/16"]
    text = ruleset("t", "br", "10.5.0.0/24", [], "10.5.0.2", airgapped=True, no_masquerade=cidrs)
    forward = text[text.index("chain forward") :].splitlines()
    assert [line.strip() for line in forward[2:5]] == [
        'iifname "br" ct state established,related accept',
        'iifname "br" oifname != "br" counter reject',
        'oifname "br" accept',
    ]
    kept = text.index("ip saddr 10.5.0.0/24 ip daddr { 192.0.2.0/24, 10.8.0.0/16 } accept")
    assert kept < text.index("masquerade")


@pytest.mark.root
def test_the_kernel_takes_the_rules() -> None:
    """Every form of them, checked by nft alone: nothing is changed."""
    for airgapped in (False, True):
        for cidrs in ([], ["192.0.2.0/24"]):
            ports = [PortMapping("", 8080, 80)]
            script = ruleset("t", "br", "10.5.0.0/24", ports, "10.5.0.2", airgapped=airgapped, no_masquerade=cidrs)
            done = subprocess.run(["nft", "-c", "-f", "-"], input=script, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr

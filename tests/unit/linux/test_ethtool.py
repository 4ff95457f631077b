"""What drivers say of Ethernet links: the codec on bytes of every kind, and the kernel's own answers in a namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.linux import ethtool
from talos.linux import netlink as nl
from talos.linux.ethtool import Ethernet, EthtoolSocket
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.linux.netlink_socket import RouteSocket

root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
NAMES = st.text(st.sampled_from("abcdefghij-"), min_size=1, max_size=8)
KINDS = st.sampled_from([2, 4, 6, 9, 11, 15, 17])


def bitset(names: dict[str, bool], *, values: bool) -> bytes:
    """In the kernel's long form; without values every name that is listed is set."""
    found = b""
    for index, (name, on) in enumerate(names.items()):
        bit = nl.attribute(1, index) + nl.attribute(2, name) + (nl.attribute(3, b"") if values and on else b"")
        found += nl.attribute(1 | nl.NLA_F_NESTED, bit)
    return nl.attribute(3 | nl.NLA_F_NESTED, found)


@given(st.dictionaries(NAMES, st.booleans(), max_size=6))
def test_a_bitset_reads_back(names: dict[str, bool]) -> None:
    found = ethtool.bits(memoryview(bitset(names, values=True)))
    assert found == [(index, name, on) for index, (name, on) in enumerate(names.items())]


def test_a_feature_is_on_off_fixed_or_wanted_in_vain() -> None:
    content = b"".join(
        nl.attribute(number, bitset(dict.fromkeys(names, True) | dict.fromkeys(off, False), values=number == 2))
        for number, names, off in (
            (2, ["tso", "gro", "lro", "ufo"], ["csum"]),
            (3, ["tso", "lro"], []),
            (4, ["tso", "csum"], []),
            (5, ["ufo"], []),
        )
    )
    assert ethtool.features(content) == {
        "tso": "on",
        "gro": "off",
        "lro": "off [requested on]",
        "ufo": "off [fixed]",
        "csum": "on [fixed]",
    }


@given(KINDS, st.binary(max_size=300))
def test_any_bytes_of_a_driver_fill_something_or_nothing(kind: int, data: bytes) -> None:
    link = Ethernet()
    ethtool.fill(link, kind, memoryview(data))
    assert len(link.features) + len(link.rings) + len(link.channels) <= len(data)


@pytest.fixture
def namespace() -> Iterator[int]:
    fd = new_network_namespace()
    yield fd
    os.close(fd)


@root
def test_a_veth_pair_as_its_driver_describes_it(namespace: int) -> None:
    with network_namespace(namespace):
        route, sock = RouteSocket(), EthtoolSocket()
    with route, sock:
        route.veth_add("v0", "v1", peer_namespace=namespace)
        found = sock.links()
        assert (found["v0"].link, found["v0"].port, found["v0"].duplex) == (False, 0, 1)
        for name in ("v0", "v1"):
            link = route.link(name)
            assert link is not None
            route.link_set(link.index, up=True)
        v0 = sock.links()["v0"]
        assert (v0.link, v0.speed_mbit, v0.channels["rx"]) == (True, 10000, 1)
        assert v0.features["tx-nocache-copy"] == "off"
        assert v0.features["rx-lro"] == "off [fixed]"
        assert "" not in v0.features


@root
def test_features_agree_with_ethtool_itself(namespace: int) -> None:
    """An implementation of its own, where it is installed."""
    program = shutil.which("ethtool")
    if program is None:
        pytest.skip("ethtool is not installed")
    with network_namespace(namespace):
        route, sock = RouteSocket(), EthtoolSocket()
        route.veth_add("v0", "v1", peer_namespace=namespace)
        said = subprocess.run([program, "-k", "v0"], capture_output=True, text=True, check=True).stdout
    with route, sock:
        features = sock.links()["v0"].features
    theirs = dict(line.strip().split(": ", 1) for line in said.splitlines()[1:] if ": " in line)
    common = features.keys() & theirs.keys()
    assert len(common) > 20
    assert {name: features[name] for name in common} == {name: theirs[name] for name in common}

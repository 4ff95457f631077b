"""The network of a cluster as the kernel makes it, in a network namespace that stands for the host."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.wires import needs, root

from talos.linux.namespace import network_namespace, new_network_namespace
from talos.provision import network
from talos.provision.model import ClusterDirectory, ClusterModel, NodeModel, PortMapping

FOUR = ("10.5.0.0/24", "10.5.0.1", "10.5.0.2")
SIX = ("fd74:616c:a05::/64", "fd74:616c:a05::1", "fd74:616c:a05::2")

pytestmark = [root, needs("nft")]


def cluster(families: list[tuple[str, str, str]]) -> tuple[ClusterModel, NodeModel]:
    (subnet, gateway, address), *more = families
    node = NodeModel("demo-controlplane-1", "controlplane", address, 1)
    model = ClusterModel("demo", subnet, gateway, 1500, "/image", "id", "/runc", "1.37.2", nodes=[node])
    for model.second_subnet, model.second_gateway, node.second_address in more:
        pass
    model.ports = [PortMapping("0.0.0.0", 8080, 80)]
    return model, node


@contextmanager
def host_and_node(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> Iterator[tuple[int, int]]:
    host = new_network_namespace()
    try:
        with network_namespace(host):
            network.create(directory, model)
            inside = network.attach(directory, model, node)
        try:
            yield host, inside
        finally:
            os.close(inside)
    finally:
        os.close(host)


def listening(namespace: int, address: str, port: int) -> socket.socket:
    with network_namespace(namespace):
        return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


def connected(namespace: int, address: str, port: int) -> str:
    """The address that a connection comes from."""
    with network_namespace(namespace), socket.create_connection((address, port), 5) as connection:
        return str(connection.getsockname()[0])


@pytest.mark.parametrize("families", [[FOUR], [SIX], [FOUR, SIX]])
def test_host_and_node_reach_each_other_by_every_family_at_once(
    tmp_path: Path, families: list[tuple[str, str, str]]
) -> None:
    """Without waiting: an address that is being asked for on the link yet could not be bound."""
    directory = ClusterDirectory(tmp_path, "demo")
    model, node = cluster(families)
    with host_and_node(directory, model, node) as (host, inside):
        for _subnet, gateway, address in families:
            with listening(inside, address, 80), listening(host, gateway, 4050):
                assert connected(host, address, 80) == gateway
                assert connected(inside, gateway, 4050) == address
                assert connected(host, gateway, 8080), "the exposed port"
        with network_namespace(host):
            network.destroy(directory)
            assert network.taken_networks() == []


def test_what_the_host_has_in_use_is_known_in_both_families(tmp_path: Path) -> None:
    model, node = cluster([FOUR, SIX])
    with host_and_node(ClusterDirectory(tmp_path, "demo"), model, node) as (host, _), network_namespace(host):
        assert {FOUR[0], SIX[0]} <= {str(taken) for taken in network.taken_networks()}

"""What machines fetch: each its own configuration, all of them what starts over the network, nobody else anything."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.provision import config_server, machine
from talos.provision.model import WORKER, ClusterDirectory, NodeModel, ProvisionError

from .test_starts import made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[ClusterDirectory, int]]:
    """Two machines: this host's loopback addresses .1 and .2."""
    directory, model, node = made(tmp_path, machine.PXE)
    node.address = "127.0.0.1"
    model.nodes.append(NodeModel("demo-worker-2", WORKER, "127.0.0.2", 3))
    for one in model.nodes:
        directory.node(one.name).path.mkdir(parents=True, exist_ok=True)
        directory.node(one.name).user_data.write_text(f"# {one.name}\n")
    (tmp_path / "cloud-amd64-kernel").write_bytes(b"kernel" * 100_000)
    (tmp_path / "cloud-amd64-initramfs").write_bytes(b"initramfs")
    directory.save(model)
    server = config_server.serve(directory, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield directory, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def get(port: int, path: str, source: str = "127.0.0.1", method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_each_machine_gets_its_own_and_nobody_else_gets_any(served: tuple[ClusterDirectory, int]) -> None:
    _, port = served
    assert get(port, "/config.yaml") == (200, b"# demo-worker-1\n")
    assert get(port, "/config.yaml", "127.0.0.2") == (200, b"# demo-worker-2\n")
    for path in ("/config.yaml", "/boot.ipxe", "/kernel"):
        status, text = get(port, path, "127.0.0.3")
        assert status == 403 and b"demo" not in text and b"kernel" not in text


@pytest.mark.parametrize("path", ["/", "/../cluster.json", "/nodes", "/config.yaml/..", "/%2e%2e/x"])
def test_nothing_else_is_there(served: tuple[ClusterDirectory, int], path: str) -> None:
    assert get(served[1], path)[0] == 404
    assert get(served[1], "/config.yaml", method="POST")[0] == 501


def test_a_machine_without_a_configuration_is_told_so(served: tuple[ClusterDirectory, int]) -> None:
    directory, port = served
    directory.node("demo-worker-1").user_data.unlink()
    assert get(port, "/config.yaml")[0] == 404


def test_what_starts_over_the_network(served: tuple[ClusterDirectory, int]) -> None:
    directory, port = served
    status, script = get(port, "/boot.ipxe")
    lines = script.decode().splitlines()
    assert status == 200 and lines[0] == "#!ipxe" and lines[-1] == "boot"
    assert lines[1].startswith("kernel /kernel initrd=initramfs panic=10 quiet talos.platform=nocloud")
    assert lines[2] == "initrd --name initramfs /initramfs"
    assert get(port, "/kernel") == (200, b"kernel" * 100_000)
    assert get(port, "/initramfs") == (200, b"initramfs")
    model = directory.load()
    model.medium = ""
    node = model.nodes[0]
    with pytest.raises(FileNotFoundError):
        config_server._opened(directory, model, node, "/kernel")


def test_a_half_request_holds_nobody_up(served: tuple[ClusterDirectory, int]) -> None:
    _, port = served
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /config.yaml HT")
        assert get(port, "/config.yaml")[0] == 200


def test_the_process_serves_and_a_port_that_is_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, model, node = made(tmp_path, machine.PXE)
    node.address = model.gateway = "127.0.0.1"
    directory.save(model)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(config_server, "PORT", taken.getsockname()[1])
        with pytest.raises(ProvisionError, match=r"the server that machines are told by cannot listen on .* in use"):
            config_server.start(directory, model)
    try:
        config_server.start(directory, model)
        assert b"talos.platform=nocloud" in get(config_server.PORT, "/boot.ipxe")[1]
        assert not directory.foreign()
    finally:
        config_server.kill(directory)
    config_server.kill(directory)  # destroy may be run again

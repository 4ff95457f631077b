"""The receiver of --with-json-logs, as the process that it is."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.config import Config
from talos.provision import log_receiver
from talos.provision.configs import ConfigOptions, json_logs_patch
from talos.provision.create import CreateOptions, nodes
from talos.provision.generate import generate
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError
from talos.provision.subnet import parse


def model(gateway: str) -> ClusterModel:
    made = ClusterModel(
        name="c", subnet="10.5.0.0/24", gateway=gateway, mtu=1500, image="", image_id="", runc="",
        kubernetes_version="",
        talos_version="",
        ports=[],
    )
    made.nodes = nodes(CreateOptions("c", Path("/nosuch")), parse(made.subnet, "--subnet"))
    made.endpoint = "https://10.5.0.2:6443"
    return made


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterDirectory]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(log_receiver, "PORT", taken.getsockname()[1])
    found = ClusterDirectory(tmp_path, "c")
    found.path.mkdir()
    yield found
    log_receiver.kill(found)


def test_lines_arrive_with_their_sender(directory: ClusterDirectory) -> None:
    log_receiver.start(directory, model("127.0.0.1"))
    assert len(list(log_receiver.find(directory))) == 1
    with socket.create_connection(("127.0.0.1", log_receiver.PORT)) as one:
        one.sendall(b'{"msg":"a"}\n{"msg":"b"}\n{"msg":"half')
        deadline = time.monotonic() + 20
        while directory.json_logs.read_text().count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert directory.json_logs.read_text() == '127.0.0.1: {"msg":"a"}\n127.0.0.1: {"msg":"b"}\n'
    assert not directory.foreign()
    log_receiver.kill(directory)
    assert not list(log_receiver.find(directory))
    log_receiver.kill(directory)  # destroy may be run again


def test_a_port_that_is_taken_is_said(directory: ClusterDirectory) -> None:
    with (
        socket.create_server(("127.0.0.1", log_receiver.PORT)),
        pytest.raises(ProvisionError, match=r"--with-json-logs: .* in use"),
    ):
        log_receiver.start(directory, model("127.0.0.1"))


def test_every_node_is_told_where_to_send() -> None:
    made = generate(model("10.5.0.1"), ConfigOptions(json_logs=True))
    for text in made.by_role.values():
        config = Config.decode(text)
        assert [one.url for one in config.machine.log_destinations] == ["tcp://10.5.0.1:4003/"]
        assert config.machine.kernel_log_destinations == ("tcp://10.5.0.1:4003/",)
    assert not Config.decode(generate(model("10.5.0.1"), ConfigOptions()).by_role["worker"]).machine.log_destinations
    assert "json_lines" in json_logs_patch("tcp://x:1/")


@pytest.mark.parametrize("debug", [True, False])
def test_services_log_to_the_console_where_that_is_asked_for(debug: bool) -> None:
    made = generate(model("10.5.0.1"), ConfigOptions(debug=debug))
    assert {Config.decode(text).machine.debug for text in made.by_role.values()} == {debug}

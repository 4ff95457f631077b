"""Helpers that run until interrupted, as processes, spoken to by plain sockets; and the reference that docs writes."""

from __future__ import annotations

import signal
import socket
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.talosctl.test_failures import TALOSCTL

from talos.config import kinds
from talos.talosctl.main import run


def interruptible() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def launched(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and what it said when it was ready. It ends quietly when interrupted."""
    command = [TALOSCTL, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible
    ) as process:
        try:
            assert process.stderr is not None
            yield process, process.stderr.readline()
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=20)[1]
        finally:
            process.kill()
    assert "Traceback" not in rest


def port_of(said: str) -> int:
    """The first one that it names."""
    return int(said.split("127.0.0.1:")[1].split()[0])


class Upper(socketserver.BaseRequestHandler):
    """Health checks connect as well, and say nothing."""

    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data.upper())


def test_a_load_balancer_uses_the_server_that_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        dead = gone.getsockname()[1]
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Upper) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            upstreams = f"127.0.0.1:{dead},127.0.0.1:{server.server_address[1]}"
            flags = ["--loadbalancer-addr=127.0.0.1", "--loadbalancer-ports=0", "--loadbalancer-upstreams", upstreams]
            with launched("loadbalancer-launch", *flags) as (_, said):
                for _ in range(3):
                    with socket.create_connection(("127.0.0.1", port_of(said)), timeout=5) as client:
                        client.sendall(b"hello")
                        assert client.recv(100) == b"HELLO"
        finally:
            server.shutdown()
            thread.join()


def test_logs_of_both_transports_are_shown_and_steer_no_terminal() -> None:
    with launched("json-logs-launch", "--addr", "127.0.0.1:0") as (process, said):
        assert process.stdout is not None
        with socket.create_connection(("127.0.0.1", port_of(said)), timeout=5) as client:
            client.sendall(b'{"msg":"one"}\n\n{"msg":"\x1b[31m"}\nlast')
        assert [process.stdout.readline() for _ in range(3)] == [
            '127.0.0.1: {"msg":"one"}\n',
            '127.0.0.1: {"msg":"\\x1b[31m"}\n',
            "127.0.0.1: last\n",
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b'{"msg":"two"}\n', ("127.0.0.1", port_of(said)))
        assert process.stdout.readline() == '127.0.0.1: {"msg":"two"}\n'


def test_a_resolver_answers_what_it_knows(tmp_path: Path) -> None:
    """No server is asked: the name is its own. That others are asked is tested with the forwarder itself."""
    (tmp_path / "resolv.conf").write_text("# none\nnameserver 127.0.0.9\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--addr", f"127.0.0.1:{port}", "--resolv-conf", str(tmp_path / "resolv.conf")]
    with launched("dnsd-launch", *flags) as (_, said):
        assert said == f"resolving on 127.0.0.1:{port} by 127.0.0.9\n"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            question = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\x09localhost\0" + struct.pack("!HH", 1, 1)
            client.sendto(question, ("127.0.0.1", port))
            answer = client.recv(512)
    assert answer[:2] == question[:2] and answer.endswith(bytes([127, 0, 0, 1]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["loadbalancer-launch"], "--loadbalancer-upstreams"),
        (["loadbalancer-launch", "--loadbalancer-ports", "x", "--loadbalancer-upstreams", "a"], "ADDRESS:PORT"),
        (["json-logs-launch", "--addr", "3000"], "ADDRESS:PORT"),
        (["json-logs-launch", "--addr", "192.0.2.1:1"], "receiver of logs cannot be started"),
        (["dnsd-launch", "--resolv-conf", "/nosuch"], "/nosuch"),
        (["dnsd-launch", "--resolv-conf", "/dev/null"], "names no nameserver"),
        (["docs", "/proc/nosuch"], "/proc/nosuch"),
    ],
)
def test_errors_say_what_to_do(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 1
    assert words in capsys.readouterr().err


def test_the_reference_covers_all_commands_and_documents(tmp_path: Path) -> None:
    assert run(["docs", str(tmp_path)]) == 0
    text = (tmp_path / "cli.md").read_text()
    for command in ("talosctl etcd alarm list", "talosctl image cache-create", "talosctl apply-config"):
        assert f"\n## {command}\n" in text
    assert {p.stem for p in (tmp_path / "config").iterdir()} == {"README", *kinds.MODULES}
    assert run(["docs", "--cli", str(tmp_path / "only")]) == 0
    assert [p.name for p in (tmp_path / "only").iterdir()] == ["cli.md"]

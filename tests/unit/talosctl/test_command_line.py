"""The command line itself: flags before and after the command, errors, help, and what a start costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from talos.talosctl.commands import COMMANDS
from talos.talosctl.main import run
from talos.talosctl.options import DURATION
from talos.talosctl.session import Session


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "talosconfig"
    path.write_text("context: a\ncontexts:\n  a: {endpoints: [127.0.0.1], ca: Y2E=, crt: Y3J0, key: a2V5}\n")
    return str(path)


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert run([name, "--help"]) == 0, name
        assert capsys.readouterr().out.startswith("Usage: talosctl"), name


def test_help_is_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    out = capsys.readouterr().out
    assert out.index("Nodes and clusters:") < out.index("  apply-config") < out.index("Local clusters:")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["servces"], "did you mean 'services'"),
        (["zzzz"], "talosctl --help"),
        (["version", "--nosuch"], "--nosuch"),
        (["get"], "TYPE"),
        (["service", "kubelet", "frob"], "frob"),
        (["apply-config", "-n", "x"], "--file"),
        (["apply-config", "-n", "x", "-f", "/nosuch"], "/nosuch"),
        (["apply-config", "-n", "x", "-f", "/dev/null"], "empty"),
        (["apply-config", "-n", "x", "-f", "/dev/null", "--mode", "reboot"], "reboot"),
        (["patch", "services", "-n", "x"], "services"),
        (["health", "--wait-timeout", "soon"], "soon"),
        (["reset", "--wipe-mode", "x"], "--wipe-mode"),
        (["list", "-t", "x", "-n", "x"], "--type"),
        (["kubeconfig", "-n", "a,b", "-"], "exactly one node"),
        (["bootstrap", "-n", "a,b"], "exactly one node"),
        (["reboot", "--wait=perhaps"], "true or false"),
        (["etcd", "remove-member", "zz", "-n", "x"], "zz"),
        (["config", "new", "--roles", "os:king", "-n", "x"], "os:king"),
    ],
)
def test_errors_name_the_fault(
    arguments: list[str], names: str, capsys: pytest.CaptureFixture[str], config: str
) -> None:
    assert run(["--talosconfig", config, *arguments]) == 1
    assert names in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["disks"], "get disks"),
        (["crashdump"], "talosctl support"),
        (["bgp-launch", "--bgp-asn", "1"], "routing daemon"),
        (["debug-tool", "air-gapped", "--advertised-address", "somewhere"], "is not an address"),
        (["cluster", "sync"], "cluster show"),
        (["cluster", "create", "dev", "--with-tpm2"], "--with-tpm2"),
    ],
)
def test_commands_that_only_exist_elsewhere_say_what_to_use(
    arguments: list[str], names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 1
    assert names in capsys.readouterr().err


def test_no_nodes_and_no_config(capsys: pytest.CaptureFixture[str], config: str, tmp_path: Path) -> None:
    assert run(["--talosconfig", config, "services"]) == 1
    assert "--nodes" in capsys.readouterr().err
    assert run(["--talosconfig", str(tmp_path / "nosuch"), "services"]) == 1
    assert "--talosconfig" in capsys.readouterr().err
    assert run(["--talosconfig", config, "--context", "b", "services"]) == 1
    assert "'b'" in capsys.readouterr().err
    assert run(["--talosconfig", config, "-n", "x", "services"]) == 1
    assert "certificate" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["-n", "127.0.0.9", "--talosconfig=F", "version"],
        ["--talosconfig", "F", "version", "--nodes", "127.0.0.9"],
        ["version", "-n127.0.0.9", "--talosconfig", "F"],
        ["-n127.0.0.9", "--talosconfig", "F", "version"],
    ],
)
def test_flags_before_and_after_the_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str], config: str
) -> None:
    assert run([argument.replace("F", config) for argument in arguments]) == 1
    assert "cannot be used" in capsys.readouterr().err  # the certificates: the flags were understood


@pytest.mark.parametrize(
    ("text", "seconds"), [("20m0s", 1200), ("1h30m", 5400), ("250ms", 0.25), ("0", 0), ("1.5s", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == seconds


def test_version_of_the_client_imports_little() -> None:
    code = (
        "import sys; from talos.talosctl.main import run; assert run(['version', '--client']) == 0; "
        "print([m for m in ("
        "'yaml', 'google.protobuf', 'cryptography', 'grpclib', 'rich', 'msgspec') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["-n", "127.0.0.1", "health"], 130), (["-n", "127.0.0.1", "reboot"], 130), (["-n", "127.0.0.1", "events"], 0)],
)
def test_an_interrupted_wait_is_no_success(
    arguments: list[str], code: int, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`talosctl health && deploy` must not deploy; what only ends that way has done all it was to do."""

    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "run", interrupt)
    assert run(["--talosconfig", config, *arguments]) == code

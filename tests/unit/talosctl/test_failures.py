"""How commands end when something goes wrong: a sentence, a code, and never a trace of where."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from talos.talosctl.main import TRACEBACK, run
from talos.talosctl.session import Session

TALOSCTL = Path(sys.executable).with_name("talosctl")


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "talosconfig"
    path.write_text("context: a\ncontexts:\n  a: {endpoints: [127.0.0.1], ca: Y2E=, crt: Y3J0, key: a2V5}\n")
    return str(path)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("spec"), "KeyError"),
        (RuntimeError("first line\nsecond line"), "first line second line"),
        (asyncio.CancelledError(), "ended before it was finished"),
        (ExceptionGroup("several", [RuntimeError("inner")]), "inner"),
        (PermissionError(13, "Permission denied", "/x"), "/x"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_an_unexpected_error_is_one_line(
    error: BaseException, text: str, config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.delenv(TRACEBACK, raising=False)
    monkeypatch.setattr(Session, "ask", fail)
    assert run(["--talosconfig", config, "-n", "127.0.0.1", "services"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and text in err and "Traceback" not in err
    assert len(err.splitlines()) == 1


def test_who_wants_to_see_where_it_comes_from_can(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise KeyError("spec")

    monkeypatch.setenv(TRACEBACK, "1")
    monkeypatch.setattr(Session, "ask", fail)
    assert run(["--talosconfig", config, "-n", "127.0.0.1", "services"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["version", "--client"], ["--help"], ["completion", "bash"]])
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)  # as head does after its last line
    try:
        done = subprocess.run(
            [TALOSCTL, *arguments], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_colour_reaches_a_file(config: str) -> None:
    done = subprocess.run(
        [TALOSCTL, "--talosconfig", config, "-n", "127.0.0.1", "services", "--nosuch"],
        capture_output=True,
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        timeout=60,
        check=False,
    )
    assert b"\x1b" not in done.stdout + done.stderr and done.returncode == 1


def test_the_dashboard_needs_a_terminal(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--talosconfig", config, "-n", "127.0.0.1", "dashboard"]) == 1
    assert "terminal" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"{shell}_complete" in script and "PLAIN" not in script
    assert run(["completion", shell, "--no-descriptions"]) == 0
    assert capsys.readouterr().out.count("_TALOSCTL_COMPLETE_PLAIN") == 1


def answered(shell: str, **environment: str) -> list[str]:
    """What the program answers a shell's script."""
    wanted = {"_TALOSCTL_COMPLETE": f"{shell}_complete", **environment}
    return subprocess.run(
        [TALOSCTL], env={**os.environ, **wanted}, capture_output=True, text=True, timeout=60, check=True
    ).stdout.splitlines()


def test_powershell_gets_word_and_meaning_of_each(config: str) -> None:
    """Words by line: the last one is the one that is written, or nothing where the next begins."""
    lines = answered("powershell", COMP_WORDS="talosctl\nservi", COMP_CWORD="servi")
    assert [line.split("\t")[:2] for line in lines] == [["plain", "service"]]
    assert lines[0].split("\t")[2].startswith("Show the state")
    words = f"talosctl\n--talosconfig\n{config}\nversion\n--context"
    assert [line.split("\t")[1] for line in answered("powershell", COMP_WORDS=words)] == ["a"]


@pytest.mark.parametrize("shell", ["zsh", "powershell"])
def test_without_descriptions_only_words_are_offered(shell: str) -> None:
    newline = "\n" if shell == "powershell" else " "
    line = {"COMP_WORDS": f"talosctl{newline}servi", "COMP_CWORD": "servi" if shell == "powershell" else "1"}
    assert any("Show" in text for text in answered(shell, **line))
    assert not any("Show" in text for text in answered(shell, **line, _TALOSCTL_COMPLETE_PLAIN="1"))


def complete(line: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [TALOSCTL],
        env={
            **os.environ,
            "_TALOSCTL_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return [entry.partition(",")[2] for entry in done.stdout.splitlines()]


def test_commands_and_flags_are_completed() -> None:
    assert "services" not in complete("talosctl ver") and "version" in complete("talosctl ver")
    assert complete("talosctl version --cli") == ["--client"]
    assert "members" in complete("talosctl etcd ")


def test_contexts_and_nodes_are_completed_from_the_client_configuration(config: str) -> None:
    assert complete("talosctl version --context ", TALOSCONFIG=config) == ["a"]
    assert complete("talosctl version -n 127", TALOSCONFIG=config) == ["127.0.0.1"]
    assert complete("talosctl version -n x,127", TALOSCONFIG=config) == ["x,127.0.0.1"]

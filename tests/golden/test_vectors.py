"""Command lines with what they must answer, each run as its own process and in this one.

A vector is a folder: ``cmd`` (an argument a line), ``in/`` (working files), ``exit``, ``match`` (how standard output is
judged: exit = not at all, yaml = same documents in the same order, contains = every line of stdout.contains occurs),
``files/`` (files that must exist afterwards with the same YAML), ``shape`` (``FILE key .PATH TYPE``, ``FILE filemode
0oNNN``), ``stderr.tokens`` (each must occur on standard error). Image references are not compared: default versions
and the installer image are ours.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from talos.talosctl import main as talosctl_main

VECTORS = sorted(p.parent for p in (Path(__file__).parent / "vectors").glob("*/cmd"))
PROGRAM = Path(sys.executable).with_name("talosctl")


class Answer(NamedTuple):
    exit: int
    stdout: str
    stderr: str


class _Loader(yaml.SafeLoader):
    """Dates stay text."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def documents(text: str) -> list[Any]:
    return [_without_images(d) for d in yaml.load_all(text, Loader=_Loader) if d is not None]


def _without_images(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: "<image>" if k == "image" and isinstance(v, str) else _without_images(v) for k, v in value.items()}
    return [_without_images(v) for v in value] if isinstance(value, list) else value


def shape(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [line for k, v in value.items() for line in shape(v, f"{path}.{k}")]
    return [f"{path} {type(value).__name__}"]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().split("\n") if line]


@pytest.fixture(params=["process", "inside"])
def run(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[list[str]], Answer]:
    """Runs talosctl with arguments in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TALOSCONFIG", raising=False)

    def process(arguments: list[str]) -> Answer:
        done = subprocess.run(
            [PROGRAM, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def inside(arguments: list[str]) -> Answer:
        code = talosctl_main.run(arguments)
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return process if request.param == "process" else inside


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)
def test_vector(vector: Path, run: Callable[[list[str]], Answer], tmp_path: Path) -> None:
    if (vector / "in").is_dir():
        shutil.copytree(vector / "in", tmp_path, dirs_exist_ok=True)
    answer = run((vector / "cmd").read_text().splitlines())
    assert answer.exit == int((vector / "exit").read_text()), answer.stderr
    match (vector / "match").read_text().strip():
        case "yaml":
            assert documents(answer.stdout) == documents((vector / "stdout").read_text())
        case "contains":
            for text in _lines(vector / "stdout.contains"):
                assert text in answer.stdout
    for wanted in (p for p in (vector / "files").rglob("*") if p.is_file()):
        found = tmp_path / wanted.relative_to(vector / "files")
        assert documents(found.read_text()) == documents(wanted.read_text()), wanted.name
    if (vector / "shape").is_file():
        _check_shape(_lines(vector / "shape"), tmp_path)
    if (vector / "stderr.tokens").is_file():
        for token in _lines(vector / "stderr.tokens"):
            assert token in answer.stderr


def _check_shape(lines: list[str], folder: Path) -> None:
    keys: dict[str, list[str]] = {}
    for line in lines:
        name, kind, rest = line.split(maxsplit=2)
        if kind == "key":
            keys.setdefault(name, []).append(rest)
        elif kind == "filemode":
            assert oct((folder / name).stat().st_mode & 0o777) == rest, name
        else:
            pytest.fail(f"unknown kind of shape: {kind}")
    for name, wanted in keys.items():
        assert sorted(shape(documents((folder / name).read_text())[0])) == sorted(wanted), name


def test_canonical_text_is_byte_identical() -> None:
    """Beyond equal YAML: what the genuine encoder wrote, ours writes byte for byte."""
    from talos.config import Config

    texts = [p for v in VECTORS for p in (v / "files").rglob("*.yaml")]
    texts += [v / "stdout" for v in VECTORS if (v / "match").read_text().strip() == "yaml" and "6902" not in v.name]
    assert len(texts) > 10
    for path in texts:
        text = path.read_text().rstrip("\n")
        assert Config.decode(text).encode().rstrip("\n") == text, path

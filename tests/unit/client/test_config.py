"""talosconfig: what is read, what is refused and how, what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from talos.client import Client, ConfigError, Context, TalosConfig, default_path
from talos.client.address import split_address

GOOD = """
context: demo
contexts:
  demo:
    endpoints: [10.5.0.2]
    nodes: [10.5.0.2, 10.5.0.3]
    ca: Y2E=
    crt: Y3J0
    key: a2V5
    proxy-url: http://p
"""


def test_round_trip(tmp_path: Path) -> None:
    config = TalosConfig.parse(GOOD)
    context = config.select()
    assert (context.endpoints, context.ca, context.key) == (["10.5.0.2"], b"ca", b"key")
    path = tmp_path / "deep" / "config"
    config.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert TalosConfig.load(path) == config
    assert "proxy-url" in path.read_text()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[", "not YAML"),
        ("- a", "not a map"),
        ("contexts: 5", "not a map"),
        ("contexts: {demo: 5}", "context demo"),
        ("contexts: {demo: {endpoints: x}}", "contexts.demo.endpoints"),
        ("contexts: {demo: {ca: '%%%'}}", "contexts.demo.ca"),
    ],
)
def test_bad_files_name_the_field(text: str, names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        TalosConfig.parse(text)


def test_selection_names_what_there_is() -> None:
    config = TalosConfig.parse(GOOD)
    with pytest.raises(ConfigError, match="it has: demo"):
        config.select("other")
    with pytest.raises(ConfigError, match="has no context"):
        TalosConfig().select()


def test_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--talosconfig"):
        TalosConfig.load(tmp_path / "nosuch")


def test_default_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TALOSCONFIG", "/x/y")
    assert default_path() == Path("/x/y")
    monkeypatch.delenv("TALOSCONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".talos" / "config"


def test_merge_renames_what_is_taken() -> None:
    config, other = TalosConfig.parse(GOOD), TalosConfig.parse(GOOD)
    assert config.merge(other) == []
    other.contexts["demo"].endpoints = ["10.6.0.2"]
    assert config.merge(other) == [("demo", "demo-1")]
    assert config.context == "demo-1"
    assert sorted(config.contexts) == ["demo", "demo-1"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.5.0.2", ("10.5.0.2", 50000)),
        ("node:50001", ("node", 50001)),
        ("fd00::1", ("fd00::1", 50000)),
        ("[fd00::1]:6", ("fd00::1", 6)),
        ("https://lb.example", ("lb.example", 50000)),
    ],
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert split_address(address) == expected


@pytest.mark.parametrize("address", ["", ":50000", "host:port"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        split_address(address)


@pytest.mark.parametrize(
    ("context", "names"),
    [
        (Context(), "ca"),
        (Context(ca=b"x"), "crt, key"),
        (Context(ca=b"x", crt=b"y", key=b"z"), "cannot be used"),
        (Context(extra={"auth": {"siderov1": {"identity": "a@b"}}}), "SideroV1"),
    ],
)
def test_contexts_that_cannot_connect(context: Context, names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        Client.from_context(context)

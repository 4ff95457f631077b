"""What is written reads back the same, for every kind; and nothing that is read can crash the reader."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from talos.config import Config, ConfigError, kinds, yaml_reader, yaml_writer
from talos.config.decode import decode
from talos.config.encode import encode
from talos.config.merge import merge

_spec = importlib.util.spec_from_file_location("config_strategies", Path(__file__).with_name("strategies.py"))
assert _spec and _spec.loader
strategies: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(strategies)

RELAXED = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("kind", kinds.MODULES)
@RELAXED
@given(data=st.data())
def test_every_kind_reads_back_the_same(kind: str, data: st.DataObject) -> None:
    document = data.draw(strategies.struct(kinds.load(kind)))
    if kind == kinds.LEGACY:
        document.version = "v1alpha1"
    text = encode([document])
    assert decode(text) == [document], text
    assert encode(decode(text)) == text


@pytest.mark.parametrize("kind", kinds.MODULES)
@RELAXED
@given(data=st.data())
def test_merge_with_nothing_changes_nothing(kind: str, data: st.DataObject) -> None:
    cls = kinds.load(kind)
    document = data.draw(strategies.struct(cls))
    before = encode([document])
    assert encode([merge(document, cls())]) == before
    assert encode([merge(cls(), document)]) == before
    other = data.draw(strategies.struct(cls))
    merged = merge(document, other)
    assert encode([document]) == before, "an input was modified"
    assert encode([merge(merged, cls())]) == encode([merged])


@pytest.mark.parametrize("kind", kinds.MODULES)
@RELAXED
@given(data=st.data())
def test_merge_is_associative(kind: str, data: st.DataObject) -> None:
    """Patches one after another do the same as one patch made of them."""
    cls = kinds.load(kind)
    one, two, three = (data.draw(strategies.struct(cls)) for _ in range(3))
    assert encode([merge(merge(one, two), three)]) == encode([merge(one, merge(two, three))])


@settings(max_examples=300, deadline=None)
@given(value=strategies.FREE)
def test_writer_says_what_yaml_reads(value: Any) -> None:
    text = yaml_writer.dump(value)
    assert yaml_reader.load(text) == ([value] if value is not None else [])


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_categories=("Cs",))))
@example("a\n b\n")
@example("a\n\n\n")
@example("# x")
@example("---")
@example("yes")
@example("0o7")
@example("1_000")
@example("a: b")
@example("- a")
@example("\u2028x")
def test_any_text_survives_as_value_and_key(text: str) -> None:
    assert yaml_reader.load(yaml_writer.dump({"k": text, "l": [text]})) == [{"k": text, "l": [text]}]
    assert yaml_reader.load(yaml_writer.dump({text: 1})) == [{text: 1}]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused_or_read(data: bytes) -> None:
    try:
        Config.decode(data)
    except ConfigError as error:
        assert str(error)


_TOKENS = st.sampled_from(
    ["machine", "cluster", "kind", "apiVersion", "v1alpha1", "LinkConfig", "name", "version", ": ", "\n", "  ", "- ",
     "---\n", "[", "]", "{", "}", "&a ", "*a", "<<", "!!int ", "!!binary ", "~", "on", "0x1", "'", '"', "|\n", "#",
     "\t", "mtu", "addresses", "machine:\n  type: worker\n", "?", "%YAML 1.1\n", ",", "\u00e9", "1e3", "-1"]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(parts=st.lists(_TOKENS, max_size=14))
def test_random_yaml_is_refused_or_read(parts: list[str]) -> None:
    try:
        config = Config.decode("".join(parts))
    except ConfigError as error:
        assert str(error)
    else:
        assert Config.decode(config.encode()) == config


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 5_000, "a: " + "[" * 700, "- " * 3_000, "? " * 3_000])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Config.decode(text)


def test_aliases_of_aliases_are_refused() -> None:
    lines = [
        "apiVersion: v1alpha1",
        "kind: KubeAuditPolicyConfig",
        "configuration:",
        "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]",
    ]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ConfigError, match="more than 250000 values"):
        Config.decode("\n".join(lines))


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    with pytest.raises(ConfigError):
        Config.decode("apiVersion: v1alpha1\nkind: KubeAuditPolicyConfig\nconfiguration: &a\n  b: *a\n")


def test_plain_scalars_are_read_as_go_reads_them() -> None:
    table = {
        "on": "on", "off": "off", "yes": "yes", "no": "no", "y": "y", "true": True, "False": False, "~": None,
        "null": None, "017": 15, "0o17": 15, "0x1F": 31, "0b11": 3, "1_000": 1000, "1:30": "1:30", "1.10": 1.1,
        ".5": 0.5, "1e3": 1000.0, ".inf": float("inf"), "08": 8.0, "0x": "0x", "-": "-", "1.2.3": "1.2.3",
        "2026-01-02": "2026-01-02", "=": "=", "+1": 1, "12e": "12e", "_1": "_1",
    }  # fmt: skip
    for text, wanted in table.items():
        assert yaml_reader.resolve_text(text)[1] == wanted, text


def test_our_yaml_is_yaml_to_others() -> None:
    """A second parser agrees on a text with every style of scalar."""
    value = {"a": "x\ny\n", "b": ["", "true", "1", "- x", "it's: so", "\ttab", "trailing "], "c": {"d": [], "e": {}}}
    assert yaml.safe_load(yaml_writer.dump(value)) == value

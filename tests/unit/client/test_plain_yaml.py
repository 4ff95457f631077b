"""What is read without a YAML library is what a YAML library reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from talos.client import Context, TalosConfig
from talos.client.plain_yaml import read

_WORDS = st.sampled_from(
    [
        *(
            "10.5.0.2",
            "10.5.0.2:50000",
            "fd00::1",
            "node",
            "yes",
            "No",
            "null",
            "n",
            "1.5",
            "1e5",
            "0x1f",
            "12:30",
            "1:2.5",
        ),
        *(
            "LS0t==",
            "https://a:1/",
            "a:",
            "a b",
            "#",
            "a#b",
            "a: b",
            "~",
            "''",
            '""',
            "[]",
            "{}",
            "&a",
            "*a",
            "!t",
            "|",
        ),
        *(
            "-",
            "- a",
            "=",
            "<<",
            "2001-01-01",
            "a\tb",
            "é",
            "%",
            "@a",
            "a@b",
            ".inf",
            "1.2.3.4.5",
            "+1",
            "a,b",
            "\\",
            ">",
        ),
    ]
)
_LINE = st.builds(
    lambda indent, dash, key, colon, value: " " * indent + dash + key + colon + value,
    st.sampled_from([0, 0, 2, 4, 4, 8]),
    st.sampled_from(["", "", "", "- ", "-"]),
    st.one_of(_WORDS, st.sampled_from(["context", "contexts", "endpoints", "ca", ""])),
    st.sampled_from(["", ":", ": ", ": "]),
    st.one_of(st.just(""), _WORDS),
)


@given(st.lists(_LINE, max_size=8), st.sampled_from(["\n", "\n", "\r\n", "\n\n"]))
def test_it_reads_the_same_or_nothing(lines: list[str], end: str) -> None:
    text = end.join(lines) + "\n"
    found = read(text)
    if found is not None:
        assert found == yaml.safe_load(text)


_NAMES = st.text("abcdef-", min_size=1, max_size=8).filter(lambda name: name[0] != "-")


@given(st.dictionaries(_NAMES, st.lists(st.sampled_from(["10.5.0.2", "fd00::1", "node.example:50000"])), min_size=1))
def test_what_talosctl_writes_is_read_without_one(contexts: dict[str, list[str]]) -> None:
    config = TalosConfig(
        next(iter(contexts)),
        {name: Context(nodes, nodes, b"-----BEGIN", b"x", b"y") for name, nodes in contexts.items()},
    )
    assert read(config.dump()) == yaml.safe_load(config.dump())


def test_it_is_not_given_up_too_early() -> None:
    """As Talos' client indents, which is not as ours does."""
    text = (
        'context: a\ncontexts:\n    a:\n        endpoints:\n            - 10.5.0.2\n        ca: Y2E=\n        crt: ""\n'
    )
    assert read(text) == yaml.safe_load(text)
    assert read(TalosConfig("a", {"a": Context(["10.5.0.2"])}).dump()) is not None


@pytest.mark.parametrize(
    "text", ["", "\n", "a", "- a\n", " a: b\n", "a: b\n a: c\n", "a: b\na: c\n", "a:\n", "a: 1\n", "a: b # c\n"]
)
def test_what_is_not_plain_is_left_to_one(text: str, tmp_path: Path) -> None:
    assert read(text) is None

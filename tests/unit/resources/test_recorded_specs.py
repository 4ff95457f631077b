"""Our YAML of a spec is, byte for byte, what a genuine node answered.

recorded_specs.txt holds answers to `talosctl get TYPE -o yaml` without their metadata.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.resources.decode import decode

import talos.resources  # noqa: F401  (makes all types known)
from talos.config.yaml_reader import load
from talos.config.yaml_writer import Sorted, dump
from talos.state.plain_form import to_plain
from talos.state.spec import kind_of

RECORDED = Path(__file__).with_name("recorded_specs.txt")


def answers() -> Iterator[tuple[str, str]]:
    """(type, text) of each recorded answer."""
    lines = RECORDED.read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("== ")] + [len(lines)]
    for start, end in itertools.pairwise(starts):
        yield lines[start][3:], "\n".join(lines[start + 1 : end]) + "\n"


@pytest.mark.parametrize(("type_name", "text"), [pytest.param(*a, id=a[0]) for a in answers()])
def test_spec_is_written_as_a_genuine_node_writes_it(type_name: str, text: str) -> None:
    spec = decode(kind_of(type_name), load(text)[0]["spec"])
    assert dump({"spec": to_plain(spec, Sorted)}) == text

"""Every kind with every key of the contract, in the contract's order: read and written again, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from talos.config import Config, kinds
from talos.config.schema import is_zero, plan

GOLDEN = Path(__file__).parent / "documents"


def unset(value: msgspec.Struct, path: str = "") -> list[str]:
    """Keys of a document that the golden text does not give."""
    found: list[str] = []
    for field in plan(type(value)).fields:
        item, here = getattr(value, field.attribute), f"{path}.{field.key}"
        if is_zero(field.kind, item):
            found.append(here)
        found += [line for part in _structs(item) for line in unset(part, here)]
    return found


def _structs(item: Any) -> list[msgspec.Struct]:
    if isinstance(item, msgspec.Struct):
        return [item]
    values = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return [v for v in values if isinstance(v, msgspec.Struct)]


@pytest.mark.parametrize("kind", kinds.MODULES)
def test_every_key_is_read_and_written(kind: str) -> None:
    text = (GOLDEN / f"{kind}.yaml").read_text()
    config = Config.decode(text)
    assert kind == config.documents[0].KIND
    assert config.encode() == text
    assert unset(config.documents[0]) == []


def test_every_golden_text_has_a_kind() -> None:
    assert {p.stem for p in GOLDEN.glob("*.yaml")} == set(kinds.MODULES)

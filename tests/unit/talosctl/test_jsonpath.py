"""JSONPath as columns and `get -o jsonpath=` use it."""

from __future__ import annotations

from typing import Any

import pytest

from talos.talosctl.jsonpath import JSONPathError, evaluate

DATA: dict[str, Any] = {
    "name": "x", "on": True, "none": None, "number": 3, "list": ["a", "b", "c"],
    "conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False", "n": 5}],
    "deep": {"key-with.dots": {"a": 1}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{.name}", "x"),
        ("{.on}", "true"),
        ("{.none}", ""),
        ("{.missing.too}", ""),
        ("{.list}", '["a","b","c"]'),
        ("{.list[*]}", "a b c"),
        ("{.list[-1]}", "c"),
        ("{.list[0:2]}", "a b"),
        ("{.list[:]}", "a b c"),
        ('{.conditions[?(@.type=="Ready")].status}', "True"),
        ("{.conditions[?(@.n>4)].type}", "Other"),
        ("{.conditions[?(@.n)].type}", "Other"),
        ("{.conditions[*].type}", "Ready Other"),
        ("name={.name} {.number}", "name=x 3"),
        ('{.name}{"\\n"}', "x\n"),
        ("{.deep['key-with.dots'].a}", "1"),
        ("plain", "plain"),
    ],
)
def test_values(template: str, expected: str) -> None:
    assert evaluate(template, DATA) == expected


def test_the_value_itself() -> None:
    assert evaluate("{@}", "text") == "text"


@pytest.mark.parametrize("template", ["{.name", "{.list[x]}", "{.a b}", "{.conditions[?(nonsense)]}"])
def test_bad_templates(template: str) -> None:
    with pytest.raises(JSONPathError):
        evaluate(template, DATA)

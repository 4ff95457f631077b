"""Merging of extra arguments, by property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.kubernetes.arguments import DeniedArgumentError, merge, render

names = st.from_regex(r"[a-z]{1,5}(-[a-z]{1,4})?", fullmatch=True)
values = st.one_of(st.text("abc,=", max_size=6), st.lists(st.text("abc", max_size=3), min_size=1, max_size=3))
flags = st.dictionaries(names, values, max_size=6)


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@given(flags, flags, st.sets(names), st.sets(names))
def test_merge(
    defaults: dict[str, str | list[str]], extra: dict[str, str | list[str]], add: set[str], deny: set[str]
) -> None:
    bad = set(extra) & deny
    if bad:
        with pytest.raises(DeniedArgumentError) as refused:
            merge("program", defaults, extra, additive=add, denied=deny)
        assert refused.value.flags == bad
        return
    merged = merge("program", defaults, extra, additive=add, denied=deny)
    assert set(merged) == set(defaults) | set(extra)
    for name, found in merged.items():
        if name not in extra:
            assert found == as_list(defaults[name])
        elif name in add and name in defaults:
            assert found == [",".join([*as_list(defaults[name]), *as_list(extra[name])])]
        else:
            assert found == as_list(extra[name])
    lines = render(merged)
    assert sorted(lines, key=lambda line: line.split("=")[0][2:]) == lines
    assert len(lines) == sum(len(v) for v in merged.values())

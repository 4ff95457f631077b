"""Every key of every kind takes what it should and refuses what it should not; the cases follow from the types."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from talos.config import Config, ConfigError, kinds
from talos.config.document import Document
from talos.config.encode import document_plain
from talos.config.reference.samples import document
from talos.config.schema import Kind, plan
from talos.config.validate import validate
from talos.config.yaml_writer import dump

Path = tuple[str | int, ...]
ANY_TEXT = frozenset(("CEL expression",))
"""Forms of which no text is refused while decoding."""


class Key(NamedTuple):
    """A key in a document with every key set."""

    path: Path
    kind: Kind

    @property
    def text(self) -> str:
        """As messages write it."""
        return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in self.path).removeprefix(".")


def keys(cls: Any, path: Path = ()) -> Iterator[Key]:
    for field in plan(cls).fields:
        yield from below(field.kind, (*path, field.key))


def below(kind: Kind, path: Path) -> Iterator[Key]:
    yield Key(path, kind)
    if kind.item is not None:
        yield from below(kind.item, (*path, 0 if kind.name == "list" else "name"))
    elif kind.cls is not None:
        yield from keys(kind.cls, path)


def changed(plain: dict[str, Any], path: Path, value: Any) -> str:
    """Text of the document with one value put in."""
    whole = copy.deepcopy(plain)
    place: Any = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dump(whole)


def branch(plain: dict[str, Any], path: Path) -> dict[str, Any]:
    """As much of the document as leads to that key: a whole v1alpha1 takes its time to decode, for each wrong value."""
    kept = {key: value for key, value in plain.items() if not isinstance(value, dict | list)}
    inside = plain[str(path[0])]
    kept[str(path[0])] = {path[1]: inside[path[1]]} if len(path) > 1 and isinstance(inside, dict) else inside
    return kept


def refused(kind: Kind) -> Iterator[Any]:
    """Values that a key must not take."""
    match kind.name:
        case "any":
            return
        case "struct":
            yield from ("text", ["a"])
            yield {"noSuchKey": 1}
        case "map":
            yield from ("text", ["a"])
        case "list":
            yield from ("text", {"a": "b"})
        case "arg":
            yield {"a": "b"}
        case _:
            yield from ({"a": "b"}, ["a"])
            yield from bad_scalars(kind)


def bad_scalars(kind: Kind) -> Iterator[Any]:
    facts = kind.facts
    match kind.name:
        case "bool":
            yield from ("maybe", 1)
        case "int":
            yield from ("many", 1.5)
            if facts.width:
                yield from (facts.width.low - 1, facts.width.high + 1)
        case "duration":
            yield from ("soon", 5)
        case "bytes":
            yield "%%%"
        case "str" if facts.form is not None and facts.form.name not in ANY_TEXT:
            yield "no such thing"


@pytest.mark.parametrize("kind", kinds.MODULES)
def test_wrong_values_are_refused_by_key(kind: str) -> None:
    cls = kinds.load(kind)
    plain = document_plain(document(cls))
    count = 0
    for key in keys(cls):
        for value in refused(key.kind):
            text, count = changed(branch(plain, key.path), key.path, value), count + 1
            with pytest.raises(ConfigError) as caught:
                Config.decode(text)
            assert len(caught.value.problems) == 1, (key.text, value, caught.value.problems)
            assert f": {key.text}" in caught.value.problems[0], (key.text, value)
            assert ", column " in caught.value.problems[0]
    assert count or not plan(cls).fields


@pytest.mark.parametrize("kind", kinds.MODULES)
def test_an_unknown_key_is_refused_in_every_mapping(kind: str) -> None:
    cls = kinds.load(kind)
    plain = document_plain(document(cls))
    for path in [(), *(k.path for k in keys(cls) if k.kind.name == "struct")]:
        with pytest.raises(ConfigError) as caught:
            Config.decode(changed(plain, (*path, "noSuchKey"), 1))
        where = Key((*path, "noSuchKey"), Kind("any", plan(cls).fields[0].kind.facts)).text if path else "noSuchKey"
        assert f": {where} (line " in caught.value.problems[0]
        assert "unknown key" in caught.value.problems[0]


def demands(key: Key) -> Iterator[tuple[Any, str]]:
    """Values that decode, and that validation refuses with these words."""
    facts = key.kind.facts
    if facts.known and key.path != ("version",):  # which decoding refuses
        decodable = getattr(facts.form, "words", ("unheard-of",))
        yield from ((word, "must be one of") for word in decodable if word not in facts.known)
    if facts.pattern:
        form = facts.form.name if facts.form else ""
        yield "xyz://host" if form == "URL" else "%", f"must be {facts.pattern.hint}"
    if facts.bounds:
        wide = facts.width
        for value in (facts.bounds.low - 1, facts.bounds.high + 1):
            # 0 is the same as nothing said.
            if value and (wide is None or wide.low <= value <= wide.high):
                yield value, f"must be from {facts.bounds.low} to {facts.bounds.high}"
    if facts.min_items:
        yield [], "required" if facts.needed else "at least"


@pytest.mark.parametrize("kind", kinds.MODULES)
def test_what_validation_demands_of_a_key(kind: str) -> None:
    cls = kinds.load(kind)
    made = document(cls)
    plain = document_plain(made)
    already = problems(made)
    for key in keys(cls):
        for value, words in demands(key):
            found = problems(Config.decode(changed(plain, key.path, value)).documents[0])
            assert [p for p in found - already if key.text in p and words in p], (key.text, value, found - already)
        if key.kind.facts.needed and key.path[-1] != "name":
            found = problems(Config.decode(changed(plain, key.path, None)).documents[0])
            assert [p for p in found if f"{key.text} is required" in p], key.text


def problems(made: Document) -> set[str]:
    """What validation says of a document that stands alone."""
    try:
        validate(Config([made]), "cloud")
    except ConfigError as e:
        return set(e.problems)
    return set()

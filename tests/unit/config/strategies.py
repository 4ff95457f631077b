"""Hypothesis strategies for every document kind, made from the same plan that decodes them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from talos.config.duration import Duration
from talos.config.schema import Kind, plan

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
PREFIXES = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
)
FORMS: dict[str, st.SearchStrategy[str]] = {
    "IP address": ADDRESSES,
    "address prefix": PREFIXES.map(lambda p: f"{p[0]}/{p[1]}"),
    "address and port": st.tuples(st.ip_addresses(v=4), st.integers(0, 65535)).map(lambda p: f"{p[0]}:{p[1]}"),
    "URL": st.sampled_from(["https://a.example/x", "http://10.0.0.1:5000", "tcp://[::1]:9", "grpc://x?y=z"]),
    "hardware address": st.lists(st.integers(0, 255), min_size=6, max_size=6).map(
        lambda o: ":".join(f"{b:02x}" for b in o)
    ),
    "CEL expression": WORDS,
    "size": st.sampled_from(["10GiB", "1048576", "2.5TB", "500 MB"]),
    "size or percentage": st.sampled_from(["80%", "-10GiB", "5GB"]),
    "port or port range": st.sampled_from(["80", "1000-2000"]),
    "routing table": st.sampled_from(["main", "local", "117"]),
    "time": st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05+02:00"]),
    "fingerprint": st.binary(min_size=32, max_size=32).map(bytes.hex),
    "serial number": st.integers(1, 2**64).map(lambda number: f"{number:x}"),
    "size comparison": st.sampled_from(["<= 1TB", "10GB", "== 5GiB"]),
}
FREE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | WORDS | st.floats(-1e6, 1e6).map(lambda f: f + 0.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def value(kind: Kind) -> st.SearchStrategy[Any]:
    """Values that a key of this kind can have."""
    found = _value(kind)
    return st.none() | found if kind.optional else found


def _value(kind: Kind) -> st.SearchStrategy[Any]:
    match kind.name:
        case "str":
            form = kind.facts.form
            if form is None:
                return WORDS
            words = getattr(form, "words", ())
            return st.sampled_from(["", *words]) if words else st.just("") | FORMS[form.name]
        case "arg":
            return WORDS | st.lists(WORDS, min_size=1, max_size=3)
        case "bool":
            return st.booleans()
        case "int":
            width = kind.facts.width
            return st.integers(width.low, width.high) if width else st.integers(-(2**31), 2**31)
        case "duration":
            return st.integers(-(2**60), 2**60).map(Duration)
        case "bytes":
            return st.binary(max_size=8)
        case "list":
            assert kind.item is not None
            return st.lists(value(kind.item), max_size=2)
        case "map":
            assert kind.item is not None
            return st.dictionaries(WORDS, value(kind.item), max_size=2)
        case "struct":
            assert kind.cls is not None
            return struct(kind.cls)
        case _:
            return FREE


def struct(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Values of a structure; any key may be left out."""

    @st.composite
    def build(draw: st.DrawFn) -> Any:
        values = {}
        for field in plan(cls).fields:
            if draw(st.integers(0, 3)) == 0:
                values[field.attribute] = draw(value(field.kind))
        return cls(**values)

    return build()

"""A value for every key of a document, made from its plan: examples of the reference, subjects of the analysis."""

from __future__ import annotations

from typing import Any

from talos.config.document import Document
from talos.config.duration import Duration
from talos.config.schema import Kind, plan

VARIANTS = 2
"""Samples of different variants differ in every key that can have two values."""

FORMS: dict[str, tuple[str, str]] = {
    "IP address": ("10.0.0.1", "fd00::1"),
    "address prefix": ("10.0.0.0/24", "fd00::/64"),
    "address and port": ("10.0.0.1:51820", "[fd00::1]:51821"),
    "URL": ("https://host.example:6443", "http://other.example"),
    "hardware address": ("aa:bb:cc:dd:ee:ff", "aa:bb:cc:dd:ee:00"),
    "CEL expression": ("disk.transport == 'nvme'", "disk.size > 10u * GiB"),
    "size": ("10GiB", "20GB"),
    "size or percentage": ("80%", "10GiB"),
    "port or port range": ("80", "1000-2000"),
    "routing table": ("main", "117"),
    "time": ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    "fingerprint": ("ab" * 32, "cd" * 32),
    "serial number": ("1f2e3d", "4c5b6a"),
    "size comparison": ("<= 1TB", "10GB"),
}
SCHEMES = ("https", "http", "grpc", "tcp", "udp")


def document(cls: type[Document], variant: int = 0) -> Document:
    """A document with every key set. Its PEM and free values are no real ones: it decodes, it need not validate."""
    made: Document = _struct(cls, variant)
    return made


def sample(kind: Kind, variant: int = 0) -> Any:
    """A value that a key can have."""
    facts = kind.facts
    match kind.name:
        case "struct":
            assert kind.cls is not None
            return _struct(kind.cls, variant)
        case "list":
            assert kind.item is not None
            return [sample(kind.item, variant)]
        case "map":
            assert kind.item is not None
            return {("name", "other")[variant]: sample(kind.item, variant)}
        case "any":
            return {"key": ("value", "other")[variant]}
        case "bool":
            return variant == 0
        case "int":
            low = facts.bounds.low if facts.bounds else 1
            return max(low, 1) + variant
        case "duration":
            return Duration((30 + variant) * 1_000_000_000)
        case "bytes":
            return (b"PEM", b"MEP")[variant]
        case "arg":
            return ("value", "other")[variant]
    words: tuple[str, ...] = facts.known or getattr(facts.form, "words", ())
    if words:
        return words[-1] if variant else words[0]
    if facts.pattern is not None and facts.form is not None and facts.form.name == "URL":
        urls = [f"{scheme}://host.example:600{variant}" for scheme in SCHEMES]
        return next(url for url in urls if facts.pattern.expression.search(url))
    if facts.form is not None:
        return FORMS[facts.form.name][variant]
    return ("text", "other")[variant]


def _struct(cls: Any, variant: int) -> Any:
    return cls(**{f.attribute: sample(f.kind, variant) for f in plan(cls).fields})

"""Documents to YAML text."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import msgspec

from talos.config import kinds
from talos.config.document import Document
from talos.config.schema import Kind, is_zero, plan
from talos.config.yaml_writer import Sorted, dump


def encode(documents: Iterable[Document]) -> str:
    """All documents as YAML, ``---`` between them."""
    return "---\n".join(dump(document_plain(d)) for d in documents)


def document_plain(document: Document) -> dict[str, Any]:
    """A document as ordered plain data, empty values left out by the rules of its kind."""
    body = struct_plain(document)
    if document.KIND == kinds.LEGACY:
        return body
    return {"apiVersion": document.API_VERSION, "kind": document.KIND, **body}


def struct_plain(value: msgspec.Struct) -> dict[str, Any]:
    """A structure as ordered plain data."""
    found: dict[str, Any] = {}
    for field in plan(type(value)).fields:
        item, kind = getattr(value, field.attribute), field.kind
        if kind.facts.keep or not is_zero(kind, item):
            found[field.key] = _plain(item, kind)
    return found


def _plain(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    match kind.name:
        case "struct":
            return struct_plain(value)
        case "list":
            assert kind.item is not None
            return [_plain(v, kind.item) for v in value]
        case "map":
            assert kind.item is not None
            return Sorted({k: _plain(v, kind.item) for k, v in value.items()})
        case "any":
            return sort_free(value)
        case "bytes":
            return base64.b64encode(value).decode()
        case "duration":
            return str(value)
        case "int" if kind.facts.octal:
            return Octal(value)
        case _:
            return value


class Octal(int):
    """An integer that is written as ``0o644``."""

    def __str__(self) -> str:
        return f"0o{int(self):o}"


def sort_free(value: Any) -> Any:
    """A free value with every mapping in it written in natural order."""
    if isinstance(value, dict):
        return Sorted({k: sort_free(v) for k, v in value.items()})
    return [sort_free(v) for v in value] if isinstance(value, list) else value


def encode_documented(documents: Iterable[Document]) -> str:
    """The same with a comment above every document that says what it is."""
    return "---\n".join(f"# {(d.__doc__ or d.KIND).splitlines()[0]}\n{dump(document_plain(d))}" for d in documents)

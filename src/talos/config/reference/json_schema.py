"""JSON schema (2020-12) of a configuration document, for editors and for checks in CI.

As strict as decoding and validation of single values; what depends on several keys or documents only
``talosctl validate`` knows. Where YAML gives a number and the key is a text (``1.10``), the node takes the text; the
schema asks for quotes, as schemas of YAML have to.
"""

from __future__ import annotations

from typing import Any

import msgspec

from talos.config import kinds
from talos.config.document import Document
from talos.config.schema import Kind, plan

DIALECT = "https://json-schema.org/draft/2020-12/schema"

FORMS: dict[str, str] = {
    "IP address": r"^[0-9A-Fa-f.:]+(%.+)?$",
    "address prefix": r"^[0-9A-Fa-f.:]+/\d{1,3}$",
    "address and port": r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):\d{1,5}$",
    "URL": r"^\S*$",
    "hardware address": r"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2})+$",
    "size": r"^\s*\d+(\.\d+)?\s*([kmgtpeKMGTPE]i?[bB]?|[bB])?\s*$",
    "size or percentage": r"^-?(\d{1,3}%|\s*\d+(\.\d+)?\s*([kmgtpeKMGTPE]i?[bB]?|[bB])?\s*)$",
    "port or port range": r"^\d{1,5}(-\d{1,5})?$",
    "routing table": r"^(unspec|default|main|local|\d+)$",
    "time": r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$",
    "fingerprint": r"^[0-9A-Fa-f:]{64,95}$",
    "serial number": r"^[0-9A-Fa-f:]+$",
    "size comparison": r"^\s*(<=|>=|==|<|>)?\s*\d\S*.*$",
}
DURATION = r"^[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$"
NUMERIC = ("size", "port or port range", "routing table", "size or percentage", "size comparison")
"""Forms that are often written without quotes, as numbers."""


def schema() -> dict[str, Any]:
    """The schema: a document is one of the kinds."""
    definitions: dict[str, Any] = {}
    names = [_define(kinds.load(kind), definitions) for kind in kinds.MODULES]
    return {
        "$schema": DIALECT,
        "title": "Talos machine configuration document",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in names],
        "$defs": dict(sorted(definitions.items())),
    }


def _define(cls: type[msgspec.Struct], definitions: dict[str, Any]) -> str:
    name = f"{cls.__module__.removeprefix('talos.config.')}.{cls.__name__}"
    if name in definitions:
        return name
    definitions[name] = {}
    properties: dict[str, Any] = {}
    required: list[str] = []
    if issubclass(cls, Document) and cls.KIND != kinds.LEGACY:
        properties = {"apiVersion": {"const": cls.API_VERSION}, "kind": {"const": cls.KIND}}
        required = ["apiVersion", "kind"]
    for field in plan(cls).fields:
        properties[field.key] = _of(field.kind, definitions)
        if field.kind.facts.needed:
            required.append(field.key)
    definitions[name] = {
        "type": "object",
        "description": (cls.__doc__ or "").splitlines()[0].replace("``", "`"),
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }
    return name


def _of(kind: Kind, definitions: dict[str, Any]) -> dict[str, Any]:
    facts = kind.facts
    found = _shape(kind, definitions)
    if facts.deprecated:
        found["deprecated"] = True
        found["description"] = f"now {facts.deprecated.instead}" if facts.deprecated.instead else "always on"
    if facts.secret:
        found["writeOnly"] = True
    return found


def _shape(kind: Kind, definitions: dict[str, Any]) -> dict[str, Any]:
    facts = kind.facts
    match kind.name:
        case "struct":
            assert kind.cls is not None
            return {"$ref": f"#/$defs/{_define(kind.cls, definitions)}"}
        case "list":
            assert kind.item is not None
            few = {"minItems": facts.min_items} if facts.min_items else {}
            return {"type": "array", "items": _of(kind.item, definitions), **few}
        case "map":
            assert kind.item is not None
            return {"type": "object", "additionalProperties": _of(kind.item, definitions)}
        case "any":
            return {}
        case "arg":
            return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        case "bool":
            return {"type": "boolean"}
        case "int":
            bounds = facts.bounds or facts.width
            return {"type": "integer", **({"minimum": bounds.low, "maximum": bounds.high} if bounds else {})}
        case "duration":
            return {"type": "string", "pattern": DURATION}
        case "bytes":
            return {"type": "string", "contentEncoding": "base64"}
    words = facts.known or getattr(facts.form, "words", ())
    if words:
        return {"enum": list(words)}
    patterns = [
        p for p in (facts.form and FORMS.get(facts.form.name), facts.pattern and facts.pattern.expression.pattern) if p
    ]
    kinds_of_value: Any = ["string", "integer"] if facts.form and facts.form.name in NUMERIC else "string"
    if len(patterns) > 1:
        return {"type": kinds_of_value, "allOf": [{"pattern": p} for p in patterns]}
    return {"type": kinds_of_value, **({"pattern": patterns[0]} if patterns else {})}

"""YAML text to documents. Every fault is reported, with document, key and line; then nothing is returned at all."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import msgspec

from talos.config import kinds
from talos.config.document import API_VERSION, Document
from talos.config.duration import Duration
from talos.config.errors import ConfigError
from talos.config.schema import Kind, plan, zero
from talos.config.yaml_reader import (
    BOOL,
    FLOAT,
    INT,
    NULL,
    OLD_BOOLS,
    Budget,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    at,
    documents,
    is_merge,
    is_plain,
    key_text,
    plain,
    resolve,
)

S = TypeVar("S", bound=msgspec.Struct)


def decode(text: str | bytes) -> list[Document]:
    """All documents in order, each identity once. Raises ConfigError with the faults of all documents."""
    found: list[Document] = []
    problems: list[str] = []
    first: dict[tuple[str, str], Node] = {}
    for node in documents(text):
        try:
            document = decode_document(node)
        except ConfigError as e:
            problems += e.problems
            continue
        found.append(document)
        if (earlier := first.setdefault(document.identity, node)) is not node:
            problems.append(
                f"document {document.title} stands twice: at {at(earlier)} and at {at(node)}; keep one of them"
            )
    if problems:
        raise ConfigError(problems)
    return found


def decode_document(node: Node) -> Document:
    """One document. Raises ConfigError that lists every fault of it."""
    if not isinstance(node, MappingNode):
        raise ConfigError(f"{at(node)}: a document must be a mapping of keys, not {_described(node)}")
    head = {k.value: v.value for k, v in node.value if isinstance(k, ScalarNode) and isinstance(v, ScalarNode)}
    kind, api_version = head.get("kind", ""), head.get("apiVersion", "")
    if not kind and not api_version:
        cls = kinds.load(kinds.LEGACY)
    else:
        if not kind:
            raise ConfigError(f"{at(node)}: the document has an apiVersion but no kind; add the line 'kind: …'")
        found = kinds.find(kind)
        if found is None or kind == kinds.LEGACY:
            near = kinds.nearest(kind)
            hint = f"; did you mean {near}?" if near else ""
            raise ConfigError(f"{at(node)}: unknown document kind {kind!r}{hint}")
        if api_version != found.API_VERSION:
            raise ConfigError(
                f"{at(node)}: document {kind} has apiVersion {api_version or '(none)'}; only {found.API_VERSION} is "
                "supported"
            )
        cls = found
    reader = _Reader()
    document: Document = reader.struct(node, cls, "", 0, head=cls.KIND != kinds.LEGACY)
    if document.KIND == kinds.LEGACY and (version := getattr(document, "version", "")) not in ("", API_VERSION):
        reader.fail(_entry(node, "version"), "version", f"version {version!r} is not supported; only {API_VERSION} is")
    if reader.problems:
        where = f"document {document.title} ({at(node)})"
        raise ConfigError([f"{where}: {p}" for p in reader.problems])
    return document


def decode_struct(node: Node, cls: type[S]) -> S:
    """A mapping as a structure, for files that are no configuration documents. Raises ConfigError."""
    reader = _Reader()
    value = reader.struct(node, cls, "", 0)
    if reader.problems:
        raise ConfigError(reader.problems)
    return value


def _entry(node: MappingNode, key: str) -> Node:
    return next((v for k, v in node.value if isinstance(k, ScalarNode) and k.value == key), node)


def _described(node: Node) -> str:
    if isinstance(node, SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, MappingNode) else f"the {resolve(cast(ScalarNode, node))[0]} {node.value!r}"


class _Reader:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self.budget = Budget()

    def fail(self, node: Node, path: str, what: str) -> None:
        self.problems.append(f"{path or 'document'} ({at(node)}): {what}")

    def struct(self, node: Node, cls: type[S], path: str, depth: int, *, head: bool = False) -> S:
        self.budget.spend(node, depth)
        structure = plan(cls)
        values: dict[str, Any] = {}
        for key_node, value_node in self.pairs(node, path):
            key = key_text(key_node)
            field = structure.by_key.get(key)
            here = f"{path}.{key}" if path else key
            if field is None:
                if not (head and key in ("apiVersion", "kind")):
                    self.fail(key_node, here, f"unknown key{_nearest_key(key, structure.by_key)}")
                continue
            values[field.attribute] = self.value(value_node, field.kind, here, depth + 1)
        return cls(**values)

    def pairs(self, node: Node, path: str) -> Iterator[tuple[Node, Node]]:
        """Keys and values of a mapping: duplicates reported, merge keys resolved."""
        seen: set[str] = set()
        merged: list[tuple[Node, Node]] = []
        for key_node, value_node in node.value:
            if is_merge(key_node):
                sources = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
                for source in sources:
                    self.budget.spend(source, 0)
                    if isinstance(source, MappingNode):
                        merged += source.value
                    else:
                        self.fail(source, path, "only a mapping can be merged with <<")
                continue
            key = key_text(key_node)
            if key in seen:
                self.fail(key_node, f"{path}.{key}" if path else key, "key stands twice in the same mapping")
                continue
            seen.add(key)
            yield key_node, value_node
        for key_node, value_node in merged:
            if (key := key_text(key_node)) not in seen:
                seen.add(key)
                yield key_node, value_node

    def value(self, node: Node, kind: Kind, path: str, depth: int) -> Any:
        self.budget.spend(node, depth)
        if isinstance(node, ScalarNode) and is_plain(node) and kind.name != "any" and resolve(node)[0] == NULL:
            return zero(kind)
        match kind.name:
            case "struct":
                assert kind.cls is not None
                if isinstance(node, MappingNode):
                    return self.struct(node, kind.cls, path, depth)
            case "list":
                assert kind.item is not None
                if isinstance(node, SequenceNode):
                    item = kind.item
                    return [self.value(n, item, f"{path}[{i}]", depth + 1) for i, n in enumerate(node.value)]
            case "map":
                assert kind.item is not None
                if isinstance(node, MappingNode):
                    item = kind.item
                    return {
                        (key := key_text(k)): self.value(v, item, f"{path}.{key}", depth + 1)
                        for k, v in self.pairs(node, path)
                    }
            case "any":
                return self.free(node, path, depth)
            case "arg":
                if isinstance(node, SequenceNode):
                    text = Kind("str", kind.facts)
                    return [self.value(n, text, f"{path}[{i}]", depth + 1) for i, n in enumerate(node.value)]
                if isinstance(node, ScalarNode):
                    return node.value
            case _:
                if isinstance(node, ScalarNode):
                    return self.scalar(node, kind, path)
        self.fail(node, path, f"expected {_WANTED[kind.name]}, not {_described(node)}")
        return zero(kind)

    def free(self, node: Node, path: str, depth: int) -> Any:
        found: list[str] = []
        value = plain(node, self.budget, depth, found)
        self.problems += [f"{path}: {p}" for p in found]
        return value

    def scalar(self, node: ScalarNode, kind: Kind, path: str) -> Any:
        text = str(node.value)
        try:
            match kind.name:
                case "str":
                    return kind.facts.form.check(text) if kind.facts.form and text else text
                case "bool":
                    return _boolean(node)
                case "int":
                    return _integer(node, kind)
                case "duration":
                    return Duration.parse(text)
                case "bytes":
                    return base64.b64decode("".join(text.split()), validate=True)
        except binascii.Error:
            self.fail(node, path, "not valid base64")
        except ValueError as e:
            self.fail(node, path, str(e))
        return zero(kind)


def _boolean(node: ScalarNode) -> bool:
    tag, value = resolve(node)
    if tag == BOOL:
        return bool(value)
    if is_plain(node) and node.value in OLD_BOOLS:
        return OLD_BOOLS[node.value]
    raise ValueError(f"expected true or false, not the {tag} {node.value!r}")


def _integer(node: ScalarNode, kind: Kind) -> int:
    tag, value = resolve(node)
    if tag == FLOAT and value == value and abs(value) < 1 << 63 and value == int(value):
        value = int(value)
    elif tag != INT:
        raise ValueError(f"expected a whole number, not the {tag} {node.value!r}")
    bounds = kind.facts.width
    if bounds and not bounds.low <= value <= bounds.high:
        raise ValueError(f"{value} is out of range: {bounds.low} to {bounds.high}")
    return int(value)


_WANTED = {
    "struct": "a mapping",
    "map": "a mapping",
    "list": "a list",
    "arg": "text or a list of texts",
    "str": "text",
    "bool": "true or false",
    "int": "a whole number",
    "duration": "a duration such as 30s",
    "bytes": "base64 text",
}


def _nearest_key(key: str, known: dict[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""

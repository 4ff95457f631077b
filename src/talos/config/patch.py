"""Patches to a configuration: strategic merge of documents, or JSON Patch (RFC 6902).

A JSON patch is a list, a strategic patch is a mapping (several documents are several patches). JSON patches know
nothing of documents, so they are refused where a configuration has more than one, instead of hitting the first.

``$patch: delete`` in a strategic patch deletes: at the top a whole document, in a mapping that mapping, in a list
element the elements with the same other key. What is not there is deleted already, so that a patch can be applied to
configurations of different ages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from talos.config import json_patch, kinds
from talos.config.comments import transplant
from talos.config.config import Config
from talos.config.decode import decode_document
from talos.config.document import Document
from talos.config.encode import sort_free
from talos.config.errors import ConfigError
from talos.config.merge import delete, merge
from talos.config.schema import Facts, Kind
from talos.config.yaml_reader import (
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    at,
    documents,
    is_merge,
    key_text,
    load,
    plain,
)
from talos.config.yaml_writer import dump

MARK = "$patch"

Path = list[str | tuple[str, Any]]


def apply_patches(config: Config, patches: Iterable[str | bytes]) -> Config:
    """A new configuration with every patch applied in order. Raises ConfigError, then nothing has changed."""
    for number, text in enumerate(patches, 1):
        try:
            config = _apply(config, text)
        except ConfigError as e:
            raise ConfigError([f"patch {number}: {p}" for p in e.problems]) from None
    return config


def apply_patches_to_text(text: str | bytes, patches: Sequence[str | bytes]) -> str:
    """The same on text; comments are kept. After JSON patches only, the text has the plain layout of such patches."""
    if patches and all(is_json_patch(p) for p in patches):
        nodes = load(text)
        if len(nodes) != 1:
            raise ConfigError(_refusal(len(nodes)))
        document = nodes[0]
        for number, patch in enumerate(patches, 1):
            try:
                document = json_patch.apply(document, _operations(patch))
            except ConfigError as e:
                raise ConfigError([f"patch {number}: {p}" for p in e.problems]) from None
        changed = dump(sort_free(document), indent=2)
        Config.decode(changed)
        return transplant(_text(text), changed)
    changed = apply_patches(Config.decode(text), patches).encode()
    return transplant(_text(text), changed)


def _text(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else text


def is_json_patch(text: str | bytes) -> bool:
    """Whether a patch is a list of operations."""
    return any(isinstance(node, SequenceNode) for node in documents(text))


def _refusal(count: int) -> str:
    return (
        f"JSON patches (RFC 6902) cannot be applied to a configuration of {count} documents; "
        "write a strategic merge patch: the changed keys under their document's apiVersion, kind and name"
    )


def _operations(text: str | bytes) -> Any:
    found = load(text)
    if len(found) != 1:
        raise ConfigError("a JSON patch must be one list of operations")
    return found[0]


def _apply(config: Config, text: str | bytes) -> Config:
    if is_json_patch(text):
        if len(config) != 1:
            raise ConfigError(_refusal(len(config)))
        document = json_patch.apply(load(config.encode())[0], _operations(text))
        return Config(Config.decode(dump(document)).documents)
    nodes = list(documents(text))
    result = list(config.documents)
    for node in nodes:
        _apply_document(result, node)
    return Config(result)


def _apply_document(result: list[Document], node: Node) -> None:
    """Merge one patch document into the list of documents."""
    paths: list[Path] = []
    if isinstance(node, MappingNode):
        if (mark := _mark(node)) is not None:
            _check_mark(mark)
            _remove_document(result, node)
            return
        node = _strip(node, [], paths)
    patch = decode_document(node)
    for number, document in enumerate(result):
        if document.identity == patch.identity:
            for path in paths:
                document = delete(document, Kind("struct", Facts(), cls=type(document)), path)
            result[number] = merge(document, patch)
            return
    result.append(patch)


def _mark(node: MappingNode) -> ScalarNode | None:
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value == MARK:
            if not isinstance(value, ScalarNode):
                raise ConfigError(f"{at(value)}: {MARK} must be the word delete")
            return value
    return None


def _check_mark(mark: ScalarNode) -> None:
    if mark.value != "delete":
        raise ConfigError(f"{at(mark)}: unknown {MARK}: {mark.value}; only delete is known")


def _remove_document(result: list[Document], node: MappingNode) -> None:
    head = {k.value: v.value for k, v in node.value if isinstance(k, ScalarNode) and isinstance(v, ScalarNode)}
    kind = str(head.get("kind", "")) or kinds.LEGACY
    if kinds.find(kind) is None:
        near = kinds.nearest(kind)
        raise ConfigError(f"{at(node)}: unknown document kind {kind!r}" + (f"; did you mean {near}?" if near else ""))
    identity = (kind, str(head.get("name", "")))
    result[:] = [d for d in result if d.identity != identity]


def _strip(node: MappingNode, path: Path, found: list[Path]) -> MappingNode:
    """The node without everything that is marked for deletion; the paths of those parts go to ``found``."""
    pairs = []
    for key, value in node.value:
        if is_merge(key) or not isinstance(key, ScalarNode):
            pairs.append((key, value))
            continue
        here: Path = [*path, key_text(key)]
        if isinstance(value, MappingNode):
            if (mark := _mark(value)) is not None:
                _check_mark(mark)
                found.append(here)
                continue
            value = _strip(value, here, found)
        elif isinstance(value, SequenceNode):
            value = _strip_items(value, here, found)
            if value is None:
                continue
        pairs.append((key, value))
    return MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)


def _strip_items(node: SequenceNode, path: Path, found: list[Path]) -> SequenceNode | None:
    kept = []
    for item in node.value:
        if isinstance(item, MappingNode):
            if (mark := _mark(item)) is not None:
                _check_mark(mark)
                found.append([*path, _selector(item)])
                continue
            inner: list[Path] = []
            stripped = _strip(item, [], inner)
            if inner:
                selector = _selector(stripped)
                found += [[*path, selector, *rest] for rest in inner]
                item = stripped
        kept.append(item)
    if not kept and node.value:
        return None
    return SequenceNode(node.tag, kept, node.start_mark, node.end_mark, node.flow_style)


def _selector(item: MappingNode) -> tuple[str, Any]:
    """What tells the list elements to delete: the first key of the element that holds a plain value."""
    for key, value in item.value:
        if isinstance(key, ScalarNode) and key.value != MARK and isinstance(value, ScalarNode):
            return key_text(key), plain(value) if value.style is None else value.value
    raise ConfigError(
        f"{at(item)}: {MARK}: delete in a list needs another key that tells which element, such as a name"
    )

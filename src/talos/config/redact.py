"""Configurations as they may be shown: secrets replaced, and differences that do not give them away.

What is secret the annotations of the keys say (``Secret``), so that a new key cannot be forgotten in a list elsewhere.
Two redacted texts of different secrets would be equal and a difference would hide that a key was changed; so
``difference`` says of a secret that it changed, and nothing more.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from talos.config.config import Config
from talos.config.schema import Kind, is_zero, plan

REDACTED = "REDACTED"
CHANGED = "REDACTED (changed)"
_TOKEN_IN_URL = re.compile(r"(?<=[?&]jointoken=)[^&#]+")


def redact(config: Config) -> Config:
    """The configuration with every secret replaced by ``REDACTED``; empty ones stay empty. Comments are dropped."""
    return _replaced(config, lambda _: REDACTED)


def difference(before: Config | None, after: Config, names: tuple[str, str] = ("a", "b")) -> str:
    """Unified diff of two configurations in canonical layout, secrets redacted; empty when there is none."""
    known = set(secrets(before)) if before is not None else set()
    old = redact(before).encode() if before is not None else ""
    new = _replaced(after, lambda secret: REDACTED if secret in known or not known else CHANGED).encode()
    return "".join(difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), *names))


def secrets(config: Config) -> Iterator[str]:
    """Every secret text of a configuration."""
    found: list[str] = []

    def note(secret: str) -> str:
        found.append(secret)
        return REDACTED

    _replaced(config, note)
    yield from found


def _replaced(config: Config, by: Callable[[str], str]) -> Config:
    return Config(_struct(d, by) if d.SECRET else d for d in config.documents)


def _struct(value: Any, by: Callable[[str], str]) -> Any:
    return msgspec.structs.replace(
        value, **{f.attribute: _value(getattr(value, f.attribute), f.kind, by) for f in plan(type(value)).fields}
    )


def _value(value: Any, kind: Kind, by: Callable[[str], str]) -> Any:
    if is_zero(kind, value):
        return value
    match kind.name:
        case "struct":
            return _struct(value, by)
        case "list":
            assert kind.item is not None
            item = kind.item
            return [_value(v, item, by) for v in value]
        case "map" if not kind.facts.secret:
            assert kind.item is not None
            item = kind.item
            return {k: _value(v, item, by) for k, v in value.items()}
        case "bytes" if kind.facts.secret:
            return by(value.decode(errors="surrogateescape")).encode()
        case "str" if kind.facts.secret:
            return by(value)
        case "str" if kind.facts.form is not None and kind.facts.form.name == "URL":
            return _TOKEN_IN_URL.sub(lambda found: by(found[0]), value)
    return _free(value, by) if kind.facts.secret else value


def _free(value: Any, by: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {k: by(v) if k == "secret" and isinstance(v, str) and v else _free(v, by) for k, v in value.items()}
    return [_free(v, by) for v in value] if isinstance(value, list) else value

"""Resources as table, YAML, JSON or JSONPath, as `talosctl get` prints them."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import click
import yaml

from talos.talosctl.jsonpath import JSONPathError, evaluate
from talos.talosctl.output import GAP, table

if TYPE_CHECKING:
    from talos.api import cosi_resource_pb2 as pb
    from talos.talosctl.definitions import Definition

_MARKS = {"created": "+", "updated": " ", "destroyed": "-"}


class Writer(Protocol):
    """Prints resources; `event` is "" except in a watch."""

    def write(self, node: str, resource: pb.Resource, event: str = "") -> None: ...

    def finish(self) -> None: ...


def writer(output: str, definition: Definition, watch: bool) -> Writer:
    """The writer of an output mode. UsageError for a mode that does not exist."""
    mode, _, argument = output.partition("=")
    match mode:
        case "table":
            return _Table(definition, watch)
        case "yaml":
            return _Yaml()
        case "json":
            return _Json()
        case "jsonpath":
            return _JsonPath(argument)
    raise click.UsageError(f"there is no output mode {output!r}: use table, yaml, json or jsonpath=TEMPLATE")


def spec_of(resource: pb.Resource) -> Any:
    """The spec as plain data. Several documents (a machine configuration) are one text."""
    text = resource.spec.yaml_spec
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError:
        return text


def _resolvers() -> dict[str, list[tuple[str, Any]]]:
    kept = {
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag.endswith((":int", ":float", ":null")) or (tag.endswith(":bool") and first in "tTfF")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return {first: resolvers for first, resolvers in kept.items() if resolvers}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2 scalars: no times, and only true and false are booleans."""

    yaml_implicit_resolvers = _resolvers()


def _time(stamp: Any) -> str:
    return datetime.datetime.fromtimestamp(stamp.seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _metadata(md: pb.Metadata) -> dict[str, Any]:
    version: Any = int(md.version) if md.version.isdigit() else md.version
    plain: dict[str, Any] = {
        "namespace": md.namespace,
        "type": md.type,
        "id": md.id,
        "version": version,
        "owner": md.owner,
        "phase": md.phase,
        "created": _time(md.created),
        "updated": _time(md.updated),
    }
    for key in ("labels", "annotations"):
        if getattr(md, key):
            plain[key] = dict(sorted(getattr(md, key).items()))
    if md.finalizers:
        plain["finalizers"] = list(md.finalizers)
    return plain


def plain(node: str, resource: pb.Resource, event: str) -> dict[str, Any]:
    """Everything of a resource as plain data."""
    made: dict[str, Any] = {"node": node}
    if event:
        made["event"] = event
    return made | {"metadata": _metadata(resource.metadata), "spec": spec_of(resource)}


class _Table:
    def __init__(self, definition: Definition, watch: bool) -> None:
        self._definition = definition
        self._watch = watch
        self._rows: list[list[str]] = []
        self._header = [
            "NODE",
            *(["*"] if watch else []),
            "NAMESPACE",
            "TYPE",
            "ID",
            "VERSION",
            *(name.upper() for name, _ in definition.columns),
        ]
        self._widths: list[int] = []

    def write(self, node: str, resource: pb.Resource, event: str = "") -> None:
        md = resource.metadata
        spec = spec_of(resource) if resource.spec.yaml_spec else None
        row = [
            node,
            *([_MARKS.get(event, "?")] if self._watch else []),
            md.namespace,
            self._definition.display,
            md.id,
            md.version,
            *(_column(path, spec) for _, path in self._definition.columns),
        ]
        if not self._watch:
            self._rows.append(row)
            return
        if not self._widths:
            self._print(self._header, [max(len(a), len(b)) for a, b in zip(self._header, row, strict=True)])
        self._print(row, self._widths)

    def _print(self, row: Sequence[str], widths: Sequence[int]) -> None:
        """A watch has no last row to measure: columns grow as they must."""
        self._widths = [max(width, len(cell)) for width, cell in zip(widths, row, strict=True)]
        sys.stdout.write(
            "".join(cell.ljust(width + GAP) for cell, width in zip(row[:-1], self._widths[:-1], strict=True))
            + row[-1]
            + "\n"
        )
        sys.stdout.flush()

    def finish(self) -> None:
        if not self._watch:
            table(self._header, self._rows)


def _column(path: str, spec: Any) -> str:
    try:
        return evaluate(path, spec)
    except JSONPathError:
        return ""


class _Yaml:
    def __init__(self) -> None:
        self._first = True

    def write(self, node: str, resource: pb.Resource, event: str = "") -> None:
        lines = [] if self._first else ["---"]
        self._first = False
        lines.append(f"node: {node}")
        if event:
            lines.append(f"event: {event}")
        lines.append("metadata:")
        for key, value in _metadata(resource.metadata).items():
            if isinstance(value, dict):
                lines += [f"    {key}:", *(f"        {_scalar(k)}: {_scalar(v)}" for k, v in value.items())]
            elif isinstance(value, list):
                lines += [f"    {key}:", *(f"        - {_scalar(item)}" for item in value)]
            else:
                text = str(value) if key in ("created", "updated") else _scalar(value)
                lines.append(f"    {key}: {text}".rstrip())
        print("\n".join(lines + _spec_lines(resource)), flush=True)

    def finish(self) -> None:
        pass


def _scalar(value: Any) -> str:
    if value == "":
        return ""
    if isinstance(value, str):
        return (
            str(yaml.safe_dump(value, width=1 << 20, default_style=None, allow_unicode=True))
            .removesuffix("...\n")
            .strip()
        )
    return str(value)


def _spec_lines(resource: pb.Resource) -> list[str]:
    """The node's own text below `spec:`, so that comments and order stay; text of several lines as a literal block."""
    text = resource.spec.yaml_spec
    if not text.strip():
        return ["spec: {}"]
    data = spec_of(resource)
    body = text
    if isinstance(data, dict | list) and data:
        head = "spec:"
    elif isinstance(data, str) and "\n" in data:
        head, body = ("spec: |" if data.endswith("\n") else "spec: |-"), data
    else:
        return [f"spec: {text.strip()}"]
    return [head, *(f"    {line}" if line else "" for line in body.rstrip("\n").split("\n"))]


class _Json:
    def write(self, node: str, resource: pb.Resource, event: str = "") -> None:
        print(
            json.dumps(plain(node, resource, event), indent=4, sort_keys=True, ensure_ascii=False, default=str),
            flush=True,
        )

    def finish(self) -> None:
        pass


class _JsonPath:
    def __init__(self, template: str) -> None:
        self._template = template
        if not template:
            raise click.UsageError("write the template behind the mode: -o jsonpath='{.spec.hostname}'")

    def write(self, node: str, resource: pb.Resource, event: str = "") -> None:
        try:
            print(evaluate(self._template, plain(node, resource, event)), flush=True)
        except JSONPathError as error:
            raise click.UsageError(str(error)) from error

    def finish(self) -> None:
        pass

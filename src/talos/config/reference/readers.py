"""Which keys does this version carry out? Those that change an answer which something on the node asks for.

Two halves. First, what depends on a key: every view is asked everything, once for a document with the key and once for
it without (and once with another value); answers that differ depend on the key. That follows any code in the views,
where an analysis of their text would have to guess types. Second, which answers are asked for: an attribute
``….kubelet.node`` in the text of a process or controller, and, of an answer that is a structure, the attributes which
the same file reads, or a file to which that structure's class is imported.

Wrong in one direction only that we know of: a key counts as carried out when a controller reads it, even if what the
controller writes stays without effect further down.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from talos.config import kinds
from talos.config.config import Config
from talos.config.document import Document
from talos.config.reboot import reboot_reasons
from talos.config.reference.samples import VARIANTS, document, sample
from talos.config.schema import Facts, Kind, is_zero, plan, zero
from talos.config.v1alpha1.config import V1Alpha1

VIEWS = ("machine", "cluster", "kubernetes", "kubelet", "network", "registries", "access")
NODE = ("controllers", "machined", "apid", "trustd", "networkd", "timed", "registryd", "zygote")
"""Packages that run on a node and may ask."""

PACKAGE = "talos.config."
"""Whose classes are structures of answers; one of elsewhere (an access policy) is a whole that knows its own parts."""

ALWAYS = frozenset(("version", "persist", "machine.features.rbac", "machine.features.apidCheckExtKeyUsage"))
"""Keys of the v1alpha1 document that ask for what always holds."""


class Answer(NamedTuple):
    """A piece of a view's answer: view and property, then (class, attribute) down to the piece."""

    view: str
    attribute: str
    inside: tuple[tuple[str, str], ...] = ()


class Readers:
    """What the programs of the node ask the views, read from their source."""

    def __init__(self, package: Path) -> None:
        # Walked once: every question below goes over all nodes of all files.
        self._files = [
            list(ast.walk(ast.parse(path.read_text())))
            for name in NODE
            for path in sorted((package / name).rglob("*.py"))
        ]
        self._known: dict[Answer, bool] = {}

    @cached_property
    def _by_file(self) -> list[tuple[set[tuple[str, str]], set[str], set[str]]]:
        """Of every file: properties of views, names of all attributes, imported classes of answers."""
        return [(_asked(nodes), _attributes(nodes), _imported(nodes)) for nodes in self._files]

    def reads(self, answer: Answer) -> bool:
        """Whether something on the node reads that piece."""
        if answer not in self._known:
            self._known[answer] = self._reads(answer)
        return self._known[answer]

    @cached_property
    def _documents(self) -> list[tuple[set[str], set[str]]]:
        """Of every file: classes of documents that it takes from a configuration itself, names of all attributes."""
        return [(taken, _attributes(nodes)) for nodes in self._files if (taken := _taken(nodes))]

    def takes(self, cls: type[Document], key: str) -> bool:
        """Whether something on the node takes documents of that class without a view, and reads that key of them."""
        files = [attributes for taken, attributes in self._documents if cls.__name__ in taken]
        return any(_attribute(cls, key) in attributes for attributes in files) if key else bool(files)

    def _reads(self, answer: Answer) -> bool:
        asking = [f for f in self._by_file if (answer.view, answer.attribute) in f[0]]
        if not asking:
            return False
        for cls, attribute in answer.inside:
            files = [*asking, *(f for f in self._by_file if cls in f[2])]
            if not any(attribute in attributes for _, attributes, _ in files):
                return False
        return True


def _asked(nodes: Sequence[ast.AST]) -> set[tuple[str, str]]:
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target, value in _assigned(node):
                if isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and value.attr in VIEWS:
                    names[target.id] = value.attr
    found = set()
    for node in nodes:
        if isinstance(node, ast.Attribute):
            inner = node.value
            if isinstance(inner, ast.Attribute) and inner.attr in VIEWS:
                found.add((inner.attr, node.attr))
            elif isinstance(inner, ast.Name) and inner.id in names:
                found.add((names[inner.id], node.attr))
    return found


def _taken(nodes: Sequence[ast.AST]) -> set[str]:
    """Names X of ``….get(X)`` and ``….get_all(X)`` that are imported from the documents' modules."""
    imported = _imported(nodes)
    return {
        argument.id
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "get_all")
        for argument in node.args[:1]
        if isinstance(argument, ast.Name) and argument.id in imported
    }


def _attribute(cls: Any, key: str) -> str:
    """Attribute of the last key of a path."""
    name = ""
    for part in key.split("."):
        if part == "*":
            continue
        field = plan(cls).by_key[part.removesuffix("[]")]
        name, kind = field.attribute, field.kind
        while kind.item is not None:
            kind = kind.item
        cls = kind.cls
    return name


def _assigned(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def _attributes(nodes: Sequence[ast.AST]) -> set[str]:
    """Attributes that are read, and text constants: some answers are mappings."""
    found = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    return found | {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _imported(nodes: Sequence[ast.AST]) -> set[str]:
    return {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE)
        for alias in node.names
    }


MAPPINGS = {("Link", "bond"), ("Link", "selector")}
"""Answers that are mappings with the keys of the documents, each of which has to be read by itself."""


def answers(config: Config) -> dict[Answer, str]:
    """Everything the views say about a configuration."""
    found: dict[Answer, str] = {}
    for name in VIEWS:
        view = getattr(config, name)
        for attribute in dir(type(view)):
            if attribute.startswith("_"):
                continue
            try:
                value = getattr(view, attribute)
            except Exception as e:  # samples are no valid configurations; that a view refuses one is an answer too
                value = repr(e)
            _flatten(value, name, attribute, (), found)
    return found


def _flatten(value: Any, view: str, name: str, inside: tuple[tuple[str, str], ...], found: dict[Answer, str]) -> None:
    if isinstance(value, msgspec.Struct) and type(value).__module__.startswith(PACKAGE):
        cls = type(value).__name__
        for field in value.__struct_fields__:
            _flatten(getattr(value, field), view, name, (*inside, (cls, field)), found)
    elif isinstance(value, dict) and inside and inside[-1] in MAPPINGS:
        for key, item in value.items():
            _flatten(item, view, name, (*inside, ("Link", key)), found)
    elif isinstance(value, tuple | list):
        for item in value:
            _flatten(item, view, name, inside, found)
        found[Answer(view, name, inside)] = found.get(Answer(view, name, inside), "") + f"#{len(value)}"
    elif isinstance(value, dict) and value and isinstance(next(iter(value.values())), msgspec.Struct):
        for key, item in value.items():
            _flatten(item, view, name, inside, found)
            found[Answer(view, name, inside)] = found.get(Answer(view, name, inside), "") + key
    else:
        found[Answer(view, name, inside)] = found.get(Answer(view, name, inside), "") + repr(value)


def not_carried_out(package: Path) -> dict[str, tuple[str, ...]]:
    """Kind -> keys that nothing on the node reads, an empty key for a whole document. Kinds without such are absent."""
    readers = Readers(package)
    found: dict[str, tuple[str, ...]] = {}
    for kind in kinds.MODULES:
        read = carried_out(kind, readers)
        if not any(read.values()):
            found[kind] = ("",)
        elif unread := tuple(_folded(read)):
            found[kind] = unread
    return found


def carried_out(kind: str, readers: Readers) -> dict[str, bool]:
    """Key of a document -> whether something on the node depends on it; "" is the document's presence."""
    read: dict[str, bool] = {}
    for rest, subject in _contexts(kind):
        before = answers(Config([*rest, subject]))
        for path, changed in _mutations(subject):
            if path == "name" and subject.NAMED:
                continue  # tells documents apart; whether it means more is seen by the document's presence
            if read.get(path) or (kind == kinds.LEGACY and path in ALWAYS) or readers.takes(type(subject), path):
                read[path] = True
                continue
            after = answers(Config([*rest, *([changed] if changed else [])]))
            differing = [a for a in before.keys() | after.keys() if before.get(a) != after.get(a)]
            read[path] = any(readers.reads(a) for a in differing)
    return read


def at_boot(kind: str) -> tuple[str, ...]:
    """Keys of a document whose change takes effect at the next boot only; a list of structures as a whole."""
    found: set[str] = set()
    for rest, subject in _contexts(kind):
        before = Config([*rest, subject])
        for path, changed in _mutations(subject):
            key = path.partition("[]")[0]
            if key and key not in found and changed and reboot_reasons(before, Config([*rest, changed])):
                found.add(key)
    return tuple(sorted(k for k in found if not any(other.startswith(f"{k}.") for other in found)))


def _contexts(kind: str) -> Iterator[tuple[list[Document], Document]]:
    """Surroundings in which a key of a document can matter."""
    for variant in range(VARIANTS):
        subject = document(kinds.load(kind), variant)
        if not isinstance(subject, V1Alpha1):
            machine = V1Alpha1()
            machine.machine = document_part(V1Alpha1, "machine")
            machine.machine.type = "controlplane"
            others = [document(kinds.load(k)) for k in ("KubeletConfig", "KubeAPIServerConfig") if k != kind]
            yield [machine, *others], subject
            continue
        for form in ("dummy", "bridge", "bond", "wireguard"):
            for cni in ("flannel", "custom"):
                whole = document(V1Alpha1, variant)
                assert isinstance(whole, V1Alpha1)
                assert whole.machine and whole.cluster and whole.machine.network
                assert whole.cluster.network and whole.cluster.network.cni
                whole.machine.type = "controlplane"
                device = whole.machine.network.interfaces[0]
                device.ignore = False
                device.dummy = form == "dummy"
                device.bridge = device.bridge if form == "bridge" else None
                device.bond = device.bond if form != "wireguard" else None
                whole.cluster.network.cni.name = cni
                if cni == "custom" and whole.cluster.etcd:
                    whole.cluster.etcd.advertised_subnets = []  # they hide the deprecated etcd.subnet
                yield [], whole


def document_part(cls: type[Document], attribute: str) -> Any:
    """An empty part of a document."""
    field = next(f for f in plan(cls).fields if f.attribute == attribute)
    assert field.kind.cls is not None
    return field.kind.cls()


def _mutations(subject: Document) -> Iterator[tuple[str, Document | None]]:
    yield "", None
    yield from _changes(subject, Kind("struct", Facts(), cls=type(subject)), "")


def _changes(value: Any, kind: Kind, path: str) -> Iterator[tuple[str, Any]]:
    """(key, value with that key changed)."""
    if kind.name == "struct" and value is not None and plan(type(value)).fields:
        if path and kind.optional:
            yield path, None
        for field in plan(type(value)).fields:
            here = f"{path}.{field.key}" if path else field.key
            for where, changed in _changes(getattr(value, field.attribute), field.kind, here):
                yield where, msgspec.structs.replace(value, **{field.attribute: changed})
        return
    if kind.name in ("list", "map") and value and kind.item is not None and kind.item.name == "struct":
        yield path, zero(kind)
        first = 0 if kind.name == "list" else next(iter(value))
        for where, changed in _changes(value[first], kind.item, f"{path}[]" if kind.name == "list" else f"{path}.*"):
            yield where, [changed] if kind.name == "list" else {first: changed}
        return
    for other in (zero(kind), *(sample(kind, v) for v in range(VARIANTS))):
        if other != value:
            yield path, other
    if is_zero(kind, value):
        yield path, sample(kind)


def _folded(read: dict[str, bool]) -> Iterable[str]:
    """Keys that are not read; one that stands for everything below it instead of each of those."""
    keys = [k for k in read if k]
    dead: set[str] = set()
    for key in keys:
        below = [k for k in keys if k.startswith((f"{key}.", f"{key}["))]
        if not read[key] and not any(read[k] for k in below):
            dead.add(key)
    for key in _with_parents(keys):
        below = [k for k in keys if k == key or k.startswith((f"{key}.", f"{key}["))]
        if below and all(not read[k] for k in below):
            dead.add(key)
    shown = [k for k in dead if not any(k != other and k.startswith((f"{other}.", f"{other}[")) for other in dead)]
    return sorted(shown)


def _with_parents(keys: list[str]) -> set[str]:
    found: set[str] = set()
    for key in keys:
        parts = key.split(".")
        found |= {".".join(parts[:n]).removesuffix("[]") for n in range(1, len(parts))}
    return found

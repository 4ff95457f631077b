"""Resource types: a spec is a msgspec struct, decorated with the description of its type.

The description is not kept in class attributes because a spec's own fields may be
called type, namespace or display; `definition(kind)` reads it. Class keywords would
read as well but need a metaclass of our own, which msgspec 0.19 (Debian trixie's) forbids.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from talos.state.errors import UnknownTypeError


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a resource type without looking at a resource."""

    type: str
    """name on the wire, e.g. Services.v1alpha1.talos.dev"""
    namespace: str
    """where resources of the type live unless said otherwise"""
    display: str
    aliases: tuple[str, ...] = ()
    """short names shown by `talosctl get rd`"""
    all_aliases: tuple[str, ...] = ()
    """further names that `talosctl get` accepts"""
    columns: tuple[tuple[str, str], ...] = ()
    """(heading, JSONPath into the spec) of the table of `talosctl get`"""
    proto: str = ""
    """full name of the message carried as proto_spec, "" for none"""
    sensitive: bool = False
    """True: only os:admin may read it"""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How the fields of a struct are written, where that does not follow from their names and types."""

    omit_empty: frozenset[str] = frozenset()
    """attributes that YAML leaves out when they are empty"""
    forms: Mapping[str, str] = {}
    """attribute → special form: see talos.state.yaml_form and proto_form"""
    proto_names: Mapping[str, str] = {}
    """attribute → field of the proto message, dotted for a field of a nested message, "" for none"""


_NONE = Layout()
_registry: dict[str, type[Spec]] = {}
_definitions: dict[type, Definition] = {}
_layouts: dict[type, Layout] = {}
_loaders: list[Callable[[], None]] = []


class Part(msgspec.Struct, rename="camel"):
    """A struct nested in a spec."""


class Spec(Part):
    """Base of the specs of all resource types. Every field has a default."""


P = TypeVar("P", bound=Part)
S = TypeVar("S", bound=Spec)


def part(
    *,
    omit_empty: tuple[str, ...] = (),
    forms: Mapping[str, str] | None = None,
    proto_names: Mapping[str, str] | None = None,
) -> Callable[[type[P]], type[P]]:
    """Class decorator of a nested struct; see Layout."""

    def note(cls: type[P]) -> type[P]:
        _layouts[cls] = Layout(omit_empty=frozenset(omit_empty), forms=forms or {}, proto_names=proto_names or {})
        return cls

    return note


def resource(
    *,
    type: str,
    namespace: str,
    display: str = "",
    aliases: tuple[str, ...] = (),
    all_aliases: tuple[str, ...] = (),
    columns: tuple[tuple[str, str], ...] = (),
    proto: str = "",
    sensitive: bool = False,
    omit_empty: tuple[str, ...] = (),
    forms: Mapping[str, str] | None = None,
    proto_names: Mapping[str, str] | None = None,
) -> Callable[[builtins.type[S]], builtins.type[S]]:
    """Class decorator that makes a Spec the type of a resource; see Definition and Layout."""

    def register(cls: builtins.type[S]) -> builtins.type[S]:
        known = _registry.get(type)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"resource type {type} is defined by {known} and {cls}")
        _registry[type] = cls
        _definitions[cls] = Definition(
            type=type,
            namespace=namespace,
            display=display or type.partition(".")[0],
            aliases=aliases,
            all_aliases=all_aliases,
            columns=columns,
            proto=proto,
            sensitive=sensitive,
        )
        return part(omit_empty=omit_empty, forms=forms, proto_names=proto_names)(cls)

    return register


def definition(kind: type[Spec]) -> Definition:
    """The description of a spec class. KeyError for a class without @resource."""
    return _definitions[kind]


def layout(struct: type) -> Layout:
    """How the fields of a spec or part are written."""
    return _layouts.get(struct, _NONE)


def completed_by(load: Callable[[], None]) -> None:
    """Have `load` called, once, when a type is asked for that no imported module defines, or all are."""
    _loaders.append(load)


def _complete() -> None:
    while _loaders:
        load = _loaders[-1]
        load()
        _loaders.remove(load)  # one that fails fails again, with the same words, when it is needed again


def kind_of(type_name: str) -> type[Spec]:
    """The spec class of a type name. Only imported classes are known, with talos.resources all of that package."""
    if type_name not in _registry and "." in type_name:  # what is no name at all ("-") is asked for at every connection
        _complete()
    try:
        return _registry[type_name]
    except KeyError:
        raise UnknownTypeError(f'resource type "{type_name}" is not supported') from None


def registered() -> Iterator[type[Spec]]:
    """All spec classes that have been imported, in order of definition."""
    _complete()
    return iter(list(_registry.values()))

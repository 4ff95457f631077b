"""Specs as protobuf messages, by the message name in the type's definition.

Attributes and fields find each other by name (letters and digits only), or by the
layout's proto_names. Plans are made at first use, from the message's descriptor.
"""

from __future__ import annotations

import datetime
import importlib
import ipaddress
from collections.abc import Callable
from typing import Any, cast

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from talos.state.clock import ZERO_TIME
from talos.state.spec import Spec, definition, layout

_Setter = Callable[[Message, Any], None]
_plans: dict[tuple[type, str], tuple[tuple[str, _Setter], ...]] = {}


def to_message(spec: Spec) -> Message | None:
    """The message of a spec; None for types that have none. LookupError when the message is unknown."""
    name = definition(type(spec)).proto
    if not name:
        return None
    # imported by name: only processes that serve the API pay for the generated classes
    message: Message = importlib.import_module("talos.api").message_type(name)()
    _fill(message, spec)
    return message


def to_bytes(spec: Spec) -> bytes:
    """proto_spec of a spec; empty for types without a message."""
    message = to_message(spec)
    return b"" if message is None else message.SerializeToString(deterministic=True)


def _fill(message: Message, part: msgspec.Struct) -> None:
    kind = type(part)
    key = (kind, message.DESCRIPTOR.full_name)
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = tuple(_steps(kind, cast("Descriptor", message.DESCRIPTOR)))
    for attribute, write in plan:
        value = getattr(part, attribute)
        if value is not None:
            write(message, value)


def _steps(kind: type[msgspec.Struct], descriptor: Descriptor) -> list[tuple[str, _Setter]]:
    about = layout(kind)
    fields = {_plain(field.name): field for field in descriptor.fields}
    steps: list[tuple[str, _Setter]] = []
    for attribute in kind.__struct_fields__:
        name = about.proto_names.get(attribute, attribute)
        if not name:
            continue
        outer, _, inner = name.rpartition(".")
        found = _nested(descriptor, outer, inner) if outer else fields.get(_plain(name))
        if found is None:
            raise LookupError(f"{kind.__name__}.{attribute} has no field in {descriptor.full_name}")
        write = _setter(found, about.forms.get(attribute, ""))
        steps.append((attribute, _inside(outer, write) if outer else write))
    return steps


def _nested(descriptor: Descriptor, outer: str, inner: str) -> FieldDescriptor | None:
    message = descriptor.fields_by_name[outer].message_type
    return None if message is None else message.fields_by_name.get(inner)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _inside(outer: str, write: _Setter) -> _Setter:
    def set_inner(message: Message, value: Any) -> None:
        if value:
            write(getattr(message, outer), value)

    return set_inner


def _setter(field: FieldDescriptor, form: str) -> _Setter:
    name = field.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_setter(name, field.message_type.fields_by_name["value"], form)
    if form == "feature_list":
        return lambda message, value: _features(message, name, value)
    if field.message_type is not None:
        fill = _MESSAGES.get(field.message_type.full_name, _fill)
        if field.is_repeated:

            def add(message: Message, value: Any) -> None:
                target = getattr(message, name)
                for item in value:
                    fill(target.add(), item)

            return add

        def put(message: Message, value: Any) -> None:
            if value in ("", ZERO_TIME):
                return
            target = getattr(message, name)
            target.SetInParent()
            fill(target, value)

        return put
    convert = _scalar(field, form)
    if field.is_repeated:
        return lambda message, value: getattr(message, name).extend(convert(item) for item in value)
    return lambda message, value: setattr(message, name, convert(value))


def _map_setter(name: str, value_field: FieldDescriptor, form: str) -> _Setter:
    if value_field.message_type is not None:
        fill = _MESSAGES.get(value_field.message_type.full_name, _fill)

        def fill_map(message: Message, value: dict[Any, Any]) -> None:
            target = getattr(message, name)
            for key, item in value.items():
                fill(target[key], item)

        return fill_map
    convert = _scalar(value_field, form)

    def put_map(message: Message, value: dict[Any, Any]) -> None:
        target = getattr(message, name)
        for key, item in value.items():
            target[key] = convert(item)

    return put_map


def _scalar(field: FieldDescriptor, form: str) -> Callable[[Any], Any]:
    if field.type == FieldDescriptor.TYPE_BYTES:
        if form == "hardware_addr":
            return lambda text: bytes.fromhex(text.replace(":", ""))
        return lambda value: value.encode() if isinstance(value, str) else bytes(value)
    if field.enum_type is not None:
        numbers = {value.name: value.number for value in field.enum_type.values}
        return lambda value: numbers.get(value.upper().replace("-", "_"), 0) if isinstance(value, str) else int(value)
    if field.type == FieldDescriptor.TYPE_STRING:
        return str
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return float
    if field.type == FieldDescriptor.TYPE_BOOL:
        return bool
    return int


def _ip(message: Any, text: str) -> None:
    if text:
        message.ip = ipaddress.ip_address(text.partition("%")[0]).packed


def _prefix(message: Any, text: str) -> None:
    if text:
        interface = ipaddress.ip_interface(text)
        message.ip = interface.ip.packed
        message.prefix_length = interface.network.prefixlen


def _ip_port(message: Any, text: str) -> None:
    if text:
        host, _, port = text.rpartition(":")
        _ip(message, host.strip("[]"))
        message.port = int(port)


def _url(message: Any, text: str) -> None:
    message.full_path = text


def _duration(message: Any, value: datetime.timedelta) -> None:
    message.FromTimedelta(value)


def _timestamp(message: Any, value: datetime.datetime) -> None:
    message.FromDatetime(value)


def _json_object(message: Any, value: dict[str, Any]) -> None:
    message.update(value)


def _manifest(message: Any, value: dict[str, Any]) -> None:
    message.object.update(value)


def _features(message: Message, name: str, value: dict[str, str]) -> None:
    for feature, status in value.items():
        getattr(message, name).add(name=feature, status=status)


def _expression(message: Any, text: str) -> None:
    """A checked expression is CEL's syntax tree. Not carried: yaml_spec has the text, and that is what clients show."""


_MESSAGES: dict[str, _Setter] = {
    "common.NetIP": _ip,
    "common.NetIPPrefix": _prefix,
    "common.NetIPPort": _ip_port,
    "common.URL": _url,
    "google.protobuf.Duration": _duration,
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Struct": _json_object,
    "talos.resource.definitions.k8s.SingleManifest": _manifest,
    "google.api.expr.v1alpha1.CheckedExpr": _expression,
}

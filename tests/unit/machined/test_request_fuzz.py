"""Any request of any method is answered or refused with a status: handlers are never surprised by what is in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.handlers import METHODS, Fuzzed

from talos import api

F = FieldDescriptor
TEXT = st.one_of(
    st.sampled_from(
        ["", "/", "..", "/../..", "runtime", "Services.v1alpha1.talos.dev", "kubelet", "machined", "k8s.io"]
    ),
    st.text(max_size=20),
)
UNSIGNED = (F.TYPE_UINT32, F.TYPE_FIXED32, F.TYPE_UINT64, F.TYPE_FIXED64)
WIDE = (F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64, F.TYPE_UINT64, F.TYPE_FIXED64)


def value(draw: st.DrawFn, field: FieldDescriptor) -> Any:
    if field.type == F.TYPE_STRING:
        return draw(TEXT)
    if field.type == F.TYPE_BYTES:
        return draw(st.binary(max_size=40))
    if field.type == F.TYPE_BOOL:
        return draw(st.booleans())
    if field.type in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
        return draw(st.floats(width=32))
    bits = 64 if field.type in WIDE else 32
    if field.type in UNSIGNED:
        return draw(st.integers(0, (1 << bits) - 1))
    return draw(st.integers(-1 << (bits - 1), (1 << (bits - 1)) - 1))


def fill(draw: st.DrawFn, message: Message, depth: int) -> None:
    """Some of the fields, with any value."""
    for field in message.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        entry = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.type == F.TYPE_MESSAGE:
            if depth and not entry:
                inner = getattr(message, field.name)
                if field.is_repeated:
                    fill(draw, inner.add(), depth - 1)
                else:
                    inner.SetInParent()
                    fill(draw, inner, depth - 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(value(draw, field) for _ in range(draw(st.integers(0, 3))))
        else:
            setattr(message, field.name, value(draw, field))


@st.composite
def calls(draw: st.DrawFn) -> tuple[int, bytes]:
    number = draw(st.integers(0, len(METHODS) - 1))
    request = api.method_types(METHODS[number].path).request()
    fill(draw, request, 3)
    return number, request.SerializeToString()


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    made = Fuzzed()
    yield made
    made.close()


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(call=calls())
def test_any_request(fuzzed: Fuzzed, call: tuple[int, bytes]) -> None:
    number, data = call
    fuzzed.call(METHODS[number], data)

"""Event ids sort in the order they were made and carry their time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from talos.machined import xid


@given(st.binary(min_size=12, max_size=12))
def test_text_and_bytes_are_two_forms_of_one_id(raw: bytes) -> None:
    text = xid.encode(raw)
    assert len(text) == 20 and text == text.lower()
    assert xid.decode(text) == raw


@given(st.integers(0, 2**32 - 2), st.integers(0, 1))
def test_ids_sort_by_time_then_by_order(seconds: int, later: int) -> None:
    ids = xid.XidGenerator(b"abc", pid=7)
    first, second = ids.new(seconds), ids.new(seconds + later)
    assert first < second
    assert xid.seconds(first) == seconds


def test_a_genuine_id_reads_as_its_time() -> None:
    assert xid.seconds("dc1nqacqssqc73e5oua0") == 1795390761

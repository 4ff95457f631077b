"""The chain: what is written verifies; whatever is changed, removed, reordered or cut is found, and where."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.audit.chain import BrokenLineError, Head, seal, unseal
from talos.audit.verify import PRUNED, TRUNCATED, Verifier

EMPTY = Head()


def chain(count: int, start: Head = EMPTY, **extra: Any) -> tuple[list[bytes], Head]:
    lines, head = [], start
    for number in range(count):
        line, head = seal(head, {"event": "call", "number": number, **extra})
        lines.append(line)
    return lines, head


def verified(lines: list[bytes], **anchors: Head) -> Verifier:
    verifier = Verifier(anchors)
    for line in lines:
        verifier.feed(line)
    verifier.end()
    return verifier


def test_what_was_written_verifies() -> None:
    lines, head = chain(20)
    verifier = verified(lines, published=head)
    assert (verifier.broken, verifier.records, verifier.last) == ("", 20, head)


def test_anybody_can_check_a_line_with_a_hash_program() -> None:
    (line,), head = chain(1)
    body, _, tail = line.rpartition(b',"hash":"')
    assert hashlib.sha256(body).hexdigest() == tail[:64].decode() == head.hash
    assert json.loads(line)["hash"] == head.hash


def test_an_empty_log_is_no_proof_against_a_head() -> None:
    assert verified([]).broken == ""
    assert "missing" in verified([], published=chain(1)[1]).broken


@given(st.data())
def test_one_flipped_bit_is_found_where_it_is(data: st.DataObject) -> None:
    lines, head = chain(4, text="grüße\n")
    number = data.draw(st.integers(0, 3))
    position = data.draw(st.integers(0, len(lines[number]) - 2))  # not the newline: it is no part of the record
    changed = bytearray(lines[number])
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    lines[number] = bytes(changed)
    broken = verified(lines, published=head).broken
    assert broken.startswith(f"record {number + 1}:" if number else "the first record:"), broken


@given(st.integers(0, 7), st.integers(1, 8))
def test_a_removed_record_is_found(at: int, count: int) -> None:
    lines, head = chain(8)
    rest = lines[:at] + lines[at + count :]
    broken = verified(rest, published=head).broken
    assert "missing" in broken, broken
    assert f"record {at + 1}" in broken or at == 0


@given(st.integers(0, 6))
def test_a_reordered_pair_is_found(at: int) -> None:
    lines, head = chain(8)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    assert verified(lines, published=head).broken


@given(st.permutations(range(6)))
def test_no_other_order_verifies(order: list[int]) -> None:
    lines, head = chain(6)
    assert bool(verified([lines[n] for n in order], published=head).broken) == (order != sorted(order))


def test_a_cut_tail_verifies_alone_and_not_against_the_published_head() -> None:
    lines, head = chain(5)
    assert verified(lines[:3]).broken == ""
    broken = verified(lines[:3], published=head).broken
    assert broken == "record 4: it is missing: the log ends before record 5, which published names"


def test_a_log_rewritten_from_a_record_on_does_not_match_an_anchor() -> None:
    lines, anchored = chain(5)
    kept = unseal(lines[1]).head
    forged, _ = chain(6, kept, forged=True)
    assert verified(lines[:2] + forged).broken == ""
    assert "rewritten" in verified(lines[:2] + forged, anchor=anchored).broken


def test_a_replaced_record_with_a_right_hash_of_its_own_does_not_fit() -> None:
    lines, _ = chain(3)
    lines[1], _ = seal(unseal(lines[0]).head, {"event": "call", "number": "other"})
    assert verified(lines).broken.startswith("record 3: it does not belong behind record 2")


def test_old_records_may_go_when_a_record_says_so() -> None:
    old, head = chain(4)
    pruned, after = seal(head, {"event": PRUNED, "through": str(unseal(old[1]).head)})
    assert verified([*old[2:], pruned], published=after).broken == ""
    assert "no record says" in verified(old[2:], published=head).broken
    assert verified([*old[2:], pruned], anchor=unseal(old[0]).head).unchecked == ["anchor"]
    # more than what the record says is missing
    assert "no record says" in verified([*old[3:], pruned]).broken


def test_a_loss_that_the_node_noticed_itself_is_no_sound_chain() -> None:
    lines, head = chain(2)
    noticed, _ = seal(head, {"event": TRUNCATED, "expected": "9:ab", "found": str(head)})
    assert "record 3: the node found" in verified([*lines, noticed]).broken


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}",
        b"x" * 200,
        b'{"seq":1,"prev":"0","hash":"zz"}',
        seal(Head(), {"seq": "1"})[0],
        seal(Head(), {"prev": 3})[0],
        seal(Head(), {"event": "call"})[0] * 2,
    ],
)
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(BrokenLineError):
        unseal(line)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_order(line: bytes) -> None:
    with pytest.raises(BrokenLineError):
        unseal(line)


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=50), max_size=5))
def test_whatever_a_caller_sends_stays_one_ascii_line(fields: dict[str, str]) -> None:
    line, _ = seal(Head(), {"event": "call", "user_agent": fields})
    assert line.isascii() and line.count(b"\n") == 1 and line.endswith(b"\n")
    assert unseal(line).fields["user_agent"] == fields


def test_a_head_is_written_and_read() -> None:
    _, head = chain(3)
    assert Head.parse(str(head)) == head
    for text in ("", "3", "3:xy", "x:" + "a" * 64):
        with pytest.raises(ValueError, match="SEQUENCE"):
            Head.parse(text)

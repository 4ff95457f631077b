"""talosctl audit: columns, times, and the verdict about a log that a node sends."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import click
import pytest

from talos.api import pytalos_audit_pb2 as pb
from talos.audit.chain import Head, seal
from talos.client import Client, Context
from talos.talosctl.audit import _request, _verify, cells, moment
from talos.talosctl.session import Failed, Session

RECORD = {
    "time": "2026-06-01T12:00:00.123456Z",
    "event": "call",
    "method": "/machine.MachineService/Reboot",
    "caller": {"name": "alice", "fingerprint": "ab" * 32},
    "peer": "10.0.0.9:4000",
    "code": "OK",
    "ms": 1.5,
}


def line(**changes: Any) -> bytes:
    return json.dumps({key: value for key, value in {**RECORD, **changes}.items() if value is not None}).encode()


def test_a_record_is_a_row() -> None:
    assert cells("n", line()) == [
        "n",
        "2026-06-01T12:00:00.123Z",
        "alice",
        "10.0.0.9:4000",
        "machine.MachineService/Reboot",
        "OK",
        "1.5",
        "",
    ]
    assert cells("n", line(caller={"name": "", "fingerprint": "cd" * 32}))[2] == "cdcdcdcdcdcd"
    assert cells("n", line(forwarded_by={"name": "cp"}))[2] == "alice*"
    assert cells("n", line(event="started", code=None))[5] == "(started)"
    lost = cells("n", line(event="lost", records=3, method=None, caller=None, code=None, ms=None, peer=None))
    assert lost[4] == "(lost)" and lost[-1] == "records=3"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b"null", b'{"event":1,"time":2,"caller":3}'])
def test_what_is_no_record_is_a_row_too(raw: bytes) -> None:
    assert "(unreadable record)" in cells("n", raw)


def test_a_caller_cannot_write_to_the_terminal() -> None:
    shown = "".join(cells("n", line(caller={"name": "\x1b[2Jroot\n"}, message="\u202e\x07")))
    assert shown.isprintable()


def test_times_are_moments_or_ages() -> None:
    assert moment("2026-01-31T12:00:00+01:00") == datetime(2026, 1, 31, 11, tzinfo=UTC)
    assert moment("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert abs(datetime.now(UTC) - moment("2h") - timedelta(hours=2)) < timedelta(seconds=5)
    with pytest.raises(click.UsageError, match="neither a time"):
        moment("yesterday")


def test_filters_are_asked_of_the_node() -> None:
    asked = _request(["a*"], ["Reboot"], "2026-01-31", "", True, 5, True)
    assert (list(asked.names), list(asked.methods), asked.failed, asked.tail, asked.follow) == (
        ["a*"],
        ["Reboot"],
        True,
        5,
        True,
    )
    assert asked.HasField("since") and not asked.HasField("until")


class Node:
    """Sends a log."""

    def __init__(self, lines: list[bytes], head: Head) -> None:
        self._lines, self._head = lines, head

    async def stream(self, _path: str, _request: Any, **_: Any) -> AsyncGenerator[pb.ReadResponse, None]:
        yield pb.ReadResponse(head=pb.Head(seq=self._head.seq, hash=self._head.hash))
        for raw in self._lines:
            yield pb.ReadResponse(lines=[raw.removesuffix(b"\n")])

    async def aclose(self) -> None: ...


def verify(lines: list[bytes], head: Head, *anchors: str, output: str = "table") -> None:
    session = Session(talosconfig=Path("/nonexistent"), nodes=["n"], _selected=Context(endpoints=["n"]))
    session._clients[""] = cast(Client, Node(lines, head))
    _verify(session, output, list(anchors))


def chain(count: int) -> tuple[list[bytes], Head]:
    lines, head = [], Head()
    for number in range(count):
        raw, head = seal(head, {"event": "call", "number": number})
        lines.append(raw)
    return lines, head


def test_a_whole_log_is_proved(capsys: pytest.CaptureFixture[str]) -> None:
    lines, head = chain(3)
    verify(lines, head, str(head))
    assert capsys.readouterr().out == f"n: 3 records from 1 on, unbroken; head {head}\n"


def test_the_first_broken_record_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    lines, head = chain(5)
    with pytest.raises(Failed):
        verify(lines[:2] + lines[3:], head)
    assert "n: the audit log is broken at record 4: it follows record 2" in capsys.readouterr().err
    with pytest.raises(Failed):
        verify(lines[:4], head, output="json")
    assert json.loads(capsys.readouterr().out)["broken"].startswith("record 5: it is missing")


def test_an_anchor_must_be_one() -> None:
    with pytest.raises(click.UsageError, match="SEQUENCE:HASH"):
        verify([], Head(), "12")

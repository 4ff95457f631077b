"""Lines of logs as JSON: what is always there, what programs add, and that nothing breaks the line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.linux import kmsg
from talos.machined import log_lines

NOW = datetime(2026, 11, 22, 23, 39, 20, 836000, UTC)


def service(line: str, **tags: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(log_lines.service_line("etcd", line.encode(), NOW, tags))
    return found


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("plain text", {"msg": "plain text", "talos-level": "info", "talos-time": "2026-11-22T23:39:20.836000Z"}),
        (
            "2026-11-22T23:39:21.100Z WARNING disk is full",
            {"msg": "disk is full", "talos-level": "warn", "talos-time": "2026-11-22T23:39:21.100Z"},
        ),
        (  # etcd
            '{"level":"info","ts":"2026-11-22T23:42:27.917640Z","caller":"a.go:1","msg":"finished","checked":0}',
            {
                "msg": "finished", "talos-level": "info", "talos-time": "2026-11-22T23:42:27.917640Z",
                "caller": "a.go:1", "checked": 0,
            },
        ),
        (  # kubelet: milliseconds, and no level
            '{"ts":1795390935672.3477,"caller":"s.go:52","msg":"Failed","err":"no cgroup"}',
            {
                "msg": "Failed", "talos-level": "error", "talos-time": "2026-11-22T23:42:15.672348Z",
                "caller": "s.go:52", "err": "no cgroup",
            },
        ),
        (  # containerd, another zone
            '{"level":"warning","msg":"x","time":"2026-11-23T00:40:49+01:00"}',
            {"msg": "x", "talos-level": "warn", "talos-time": "2026-11-22T23:40:49.000000Z"},
        ),
        ('{"a": 1', {"msg": '{"a": 1', "talos-level": "info", "talos-time": "2026-11-22T23:39:20.836000Z"}),
        (
            '{"ts": "yesterday", "msg": 3}',
            {"msg": "3", "talos-level": "info", "talos-time": "2026-11-22T23:39:20.836000Z"},
        ),
        (  # what it says of itself does not replace what we know
            '{"msg":"x","talos-service":"kubelet"}',
            {"msg": "x", "talos-level": "info", "talos-time": "2026-11-22T23:39:20.836000Z"},
        ),
    ],
)
def test_lines_of_services(line: str, wanted: dict[str, Any]) -> None:
    assert service(line) == {**wanted, "talos-service": "etcd"}


def test_tags_are_added_as_they_are() -> None:
    found = service("x", cluster="a b", msg="not this")
    assert (found["cluster"], found["msg"]) == ("a b", "x")


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: json.dumps({"msg": text}).encode())))
def test_any_line_is_one_line_of_json(data: bytes) -> None:
    line = log_lines.service_line("apid", data, NOW, {})
    assert b"\n" not in line
    assert {"msg", "talos-level", "talos-service", "talos-time"} <= json.loads(line).keys()


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=9))))
def test_any_object_is_one(found: dict[str, Any]) -> None:
    line = log_lines.service_line("apid", json.dumps(found).encode(), NOW, {})
    assert {"msg", "talos-level", "talos-service", "talos-time"} <= json.loads(line).keys()


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "é" * 60_000, json.dumps({"msg": "m", "more": "y" * 200_000}), "\x00" * 90_000]
)
def test_what_is_long_fits_into_a_datagram(text: str) -> None:
    line = log_lines.service_line("apid", text.encode(), NOW, {"tag": "t"})
    assert len(line) < 65_000
    assert json.loads(line)["tag"] == "t"


def test_records_of_the_kernel() -> None:
    record = kmsg.parse(b"12,339,5140900,-;text of it\n SUBSYSTEM=pci\n")
    assert json.loads(log_lines.kernel_line(record, 1_000_000_000 * 86400)) == {
        "clock": 5140900, "facility": "user", "priority": "warning", "seq": 339, "msg": "text of it",
        "talos-level": "warn", "talos-time": "1970-01-02T00:00:05.140900000Z",
    }
    assert kmsg.format_record(b"6,339,5140900,-;text", 0) == b"kern:    info: [1970-01-01T00:00:05.140900000Z]: text\n"
    with pytest.raises(ValueError, match="no record"):
        kmsg.parse(b"what")


def test_lines_of_a_container_nodes_console() -> None:
    found = json.loads(log_lines.console_line(b"[talos] 2026/11/22 23:50:34 starts", NOW))
    assert (found["msg"], found["talos-time"]) == ("[talos] starts", "2026-11-22T23:50:34Z")
    assert json.loads(log_lines.console_line(b"other", NOW))["msg"] == "other"

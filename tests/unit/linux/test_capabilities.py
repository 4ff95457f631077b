"""Becoming a user with exactly a set of capabilities, read back from the kernel in a forked process."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from talos.linux import capabilities
from talos.linux.capabilities import CAP_NET_ADMIN, CAP_NET_RAW

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="changing user and capabilities needs root"),
]


def applied(uid: int, wanted: frozenset[int]) -> dict[str, object]:
    """What a process looks like after apply(), and what it was told."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            granted = capabilities.apply(uid, uid, (), wanted)
            sets = {name: sorted(numbers) for name, numbers in capabilities.of_process().items()}
            ids = {"ids": [*os.getresuid(), *os.getresgid()], "groups": os.getgroups()}
            os.write(writer, json.dumps({"granted": sorted(granted), **sets, **ids}).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found: dict[str, object] = json.loads(pipe.read())
    os.waitpid(child, 0)
    return found


def test_a_user_without_capabilities_has_none_and_no_way_to_any() -> None:
    found = applied(50, frozenset())
    assert found["ids"] == [50] * 6
    assert found["groups"] == []
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert found[name] == [], name


def test_a_user_keeps_exactly_what_it_was_given() -> None:
    wanted = [CAP_NET_ADMIN, CAP_NET_RAW]
    found = applied(52, frozenset(wanted))
    for name in ("granted", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert found[name] == wanted, name


def test_what_the_starter_lacks_is_not_granted_and_not_claimed() -> None:
    unknown = capabilities.last() + 1
    found = applied(52, frozenset({CAP_NET_RAW, unknown}))
    assert found["granted"] == found["CapEff"] == [CAP_NET_RAW]


def test_root_can_be_reduced_for_good() -> None:
    found = applied(0, frozenset({CAP_NET_RAW}))
    assert found["ids"] == [0] * 6
    assert found["CapEff"] == found["CapBnd"] == [CAP_NET_RAW]
    assert found["CapAmb"] == []


def test_masks_are_read_as_the_kernel_writes_them() -> None:
    assert capabilities.decode(0) == frozenset()
    assert capabilities.decode(0x3001) == {0, 12, 13}
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("CapEff"))
    assert capabilities.of_process()["CapEff"] == capabilities.decode(int(line.split()[1], 16))

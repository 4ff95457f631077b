"""Disk selectors: what the contract's examples mean, and that nothing else is taken for an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.config import cel_names
from talos.config.cel import CelError, check, compile_expression, matches

DISK = {
    "size": 10 * 1000**3, "transport": "nvme", "rotational": False, "model": "Samsung SSD 970", "serial": "S1",
    "dev_path": "/dev/nvme0n1", "symlinks": ["/dev/disk/by-id/nvme-1"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("system_disk", False), ("!system_disk", True), ("disk.transport == 'nvme'", True),
        ("disk.size > 10u * GB", False), ("disk.size >= 10u * GB && !disk.rotational", True),
        ("disk.size < 10u * GiB || false", True), ('disk.model.contains("SSD")', True),
        ("disk.model.startsWith('Sam') && disk.model.endsWith('970')", True), ("disk.serial.matches('^S[0-9]$')", True),
        ("glob('/dev/nvme*', disk.dev_path)", True), ("'/dev/disk/by-id/nvme-1' in disk.symlinks", True),
        ("disk.transport in ['sata', 'nvme']", True), ("size(disk.symlinks) == 1", True),
        ("disk.symlinks[0].contains('by-id')", True), ("(1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 / 2 == -3", True),
        ("-7 % 3 == -1", True), ("disk.rotational ? false : true", True), ("0x10 == 16 && 1.5 < 2", True),
        ("true || disk.nothing", True),
    ],
)  # fmt: skip
def test_expressions(text: str, expected: bool) -> None:
    assert matches(text, {"disk": DISK, "system_disk": False}) is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("disk.nothing == 1", "no field nothing"), ("disks.size", "disks is not known"), ("disk.size", "neither true"),
        ("disk.size >", "expected"), ("1 + 'a' == 2", "1 \\+ 'a'"), ("1 / 0 == 1", "1 / 0"), ("#", "not understood"),
        ("disk.model.reverse()", "no function reverse"), ("'a' 'b'", "not expected"), ("", "name is expected"),
        ("disk.model.matches('(')", "regular expression"), ("(" * 100, "too deeply"), ("!1", "neither true"),
        ("disk.symlinks[9] == ''", "no such element"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_is_an_error(text: str, words: str) -> None:
    with pytest.raises(CelError, match=words):
        matches(text, {"disk": DISK})


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (cel_names.DISK, "system_disk"), (cel_names.DISK, "disk.size > 10u * GB && !disk.rotational"),
        (cel_names.DISK, "disk.symlinks.exists(link, link.startsWith('/dev/disk/by-id'))"),
        (cel_names.DISK, "disk.symlinks[3] == 'x'"), (cel_names.DISK, "disk.model.trim() == 'x'"),
        (cel_names.VOLUME, "volume.partition_label == 'data' && disk.transport == 'nvme'"),
        (cel_names.LINK, "link.driver == 'e1000' && mac(link.permanent_addr) == '00:11:22:33:44:55'"),
        (None, "memory_full_avg10 > 12.0 && time_since_trigger > duration('500ms')"),
    ],
)  # fmt: skip
def test_expressions_of_a_configuration(names: cel_names.Names | None, text: str) -> None:
    check(text, names)


@pytest.mark.parametrize(
    ("names", "text", "words"),
    [
        (cel_names.DISK, "disk.size >", "expected"), (cel_names.DISK, "disk.sizee > 5u", "no field sizee"),
        (cel_names.DISK, "volume.name == ''", "volume is not known"), (cel_names.DISK, "disk.size", "neither true"),
        (cel_names.DISK, "disk.size > 'a'", "not supported between"), (None, "memory >", "expected"),
        (cel_names.DISK, "disks.symlinks.exists(a, a == '')", "disks is not known"), (None, "f(1)", "no function f"),
        (cel_names.LINK, "system_disk", "system_disk is not known"),
    ],
)  # fmt: skip
def test_expressions_that_validation_refuses(names: cel_names.Names | None, text: str, words: str) -> None:
    with pytest.raises(CelError, match=words):
        check(text, names)


@given(st.text("disk.size()[]!<>=&|+-*/%?:,'\"0123456789uGB ", max_size=40))
def test_no_text_does_anything_but_fail_with_a_reason(text: str) -> None:
    values: dict[str, Any] = {"disk": DISK}
    try:
        compile_expression(text)(values)
    except CelError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("[1, 2, 3].exists(x, x > 2)", True), ("[1, 2].exists(x, x > 2)", False), ("[].exists(x, true)", False),
        ("[1, 2].all(x, x > 0 && [x].exists(y, y == x))", True), ("[1, 0].all(x, x > 0)", False),
        ("[1, 2, 2].exists_one(x, x == 2)", False), ("[1, 2].exists_one(x, x == 2)", True),
    ],
)  # fmt: skip
def test_macros_over_lists(text: str, holds: bool) -> None:
    assert matches(text, {}) is holds


@pytest.mark.parametrize("text", ["1.exists(x, true)", "[1].exists(1, true)", "[1].exists(x)", "[1].all(x, x)"])
def test_macros_that_are_none(text: str) -> None:
    with pytest.raises(CelError):
        matches(text, {})

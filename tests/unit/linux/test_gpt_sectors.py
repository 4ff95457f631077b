"""The partition table on disks with sectors of 512 and of 4096 bytes: properties, other programs, foreign bytes.

vectors/gpt-4096.json: what sgdisk, sfdisk and parted wrote to a loop device with `losetup --sector-size 4096`, and what
sfdisk says that it is.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import struct
import subprocess
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from talos.linux import gpt

MIB = 1 << 20
SIZE = 64 * MIB
VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("vectors").joinpath("gpt-4096.json").read_text())
PATH = "/usr/sbin:/sbin:/usr/bin"
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
both = pytest.mark.parametrize("sector", gpt.SECTORS)
sectors = st.sampled_from(gpt.SECTORS)


NAMES = st.text("EFI-Ü\u4e2d\uffff", max_size=gpt.NAME_LENGTH)


class Bytes:
    """A disk of which nothing but its ends is written."""

    def __init__(self, size: int = SIZE) -> None:
        self.size, self.edge = size, 128 << 10
        self.head, self.tail = bytearray(self.edge), bytearray(self.edge)

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        whole = bytearray(length)
        for base, part in ((0, self.head), (self.size - self.edge, self.tail)):
            start, end = max(offset, base), min(offset + length, base + self.edge)
            if start < end:
                whole[start - offset : end - offset] = part[start - base : end - base]
        return bytes(whole)

    def write(self, offset: int, data: bytes) -> None:
        assert offset + len(data) <= self.edge or offset >= self.size - self.edge, "a write outside of the tables"
        base, part = (0, self.head) if offset + len(data) <= self.edge else (self.size - self.edge, self.tail)
        assert offset - base + len(data) <= self.edge, "a write behind the end of the disk"
        part[offset - base : offset - base + len(data)] = data

    def apply(self, writes: list[tuple[int, bytes]]) -> None:
        for offset, data in writes:
            self.write(offset, data)

    def parse(self, sector: int) -> gpt.Table:
        return gpt.parse(self.read, self.size // sector, sector)


@st.composite
def tables(draw: st.DrawFn) -> gpt.Table:
    """What a history of additions, removals and growth makes."""
    sector = draw(sectors)
    table = gpt.new(SIZE // sector, sector)
    steps = draw(st.lists(st.tuples(NAMES, st.none() | st.integers(1, 20 * MIB)), max_size=8))
    for step, (name, size) in enumerate(steps):
        with contextlib.suppress(gpt.TableError):
            match step % 4:
                case 3:
                    table = table.remove(*[p.name for p in table.partitions][:1])
                case 2 if table.partitions:
                    table = table.grow(table.partitions[-1].name)
                case _:
                    table = table.add(name, size, gpt.EFI_SYSTEM if size else gpt.LINUX_DATA)
    return table


@given(tables())
@settings(max_examples=60, deadline=None)
def test_whatever_is_made_is_read_back_from_either_copy(table: gpt.Table) -> None:
    image = Bytes()
    image.apply(table.writes())
    assert image.parse(table.sector) == table
    assert gpt.found(image.read, SIZE) == [table]
    head, image.head[:] = bytes(image.head), bytes(image.edge)
    assert image.parse(table.sector) == table
    image.head[:], image.tail[:] = head, bytes(image.edge)
    assert image.parse(table.sector) == table


@given(tables())
@settings(max_examples=60, deadline=None)
def test_partitions_lie_apart_aligned_and_between_the_copies(table: gpt.Table) -> None:
    at = table.first_usable
    for part in sorted(table.partitions, key=lambda one: one.first):
        assert at <= part.first <= part.last <= table.last_usable
        assert part.first * table.sector % MIB == 0
        at = part.last + 1
    assert table.first_usable * table.sector >= 2 * table.sector + gpt.ENTRIES * gpt.ENTRY_BYTES


@given(tables())
@settings(max_examples=30, deadline=None)
def test_the_layout_is_that_of_the_specification(table: gpt.Table) -> None:
    """UEFI 2.10, 5.2.3 and 5.3.2: the numbers by hand, in sectors of the disk."""
    image, sector = Bytes(), table.sector
    image.apply(table.writes())
    last = SIZE // sector - 1
    mbr = image.read(0, sector)
    assert mbr[510:512] == b"\x55\xaa" and not any(mbr[512:]) and not any(mbr[462:510])
    assert mbr[450] == 0xEE and struct.unpack_from("<II", mbr, 454) == (1, last)
    entry_sectors = 16384 // sector
    for here, there, entries in ((1, last, 2), (last, 1, last - entry_sectors)):
        raw = image.read(here * sector, sector)
        found = HEADER.unpack_from(raw)
        assert found[:3] == (b"EFI PART", 0x00010000, 92) and not any(raw[92:])
        assert found[5:9] == (here, there, 2 + entry_sectors, last - 1 - entry_sectors)
        assert found[10:13] == (entries, 128, 128)
        assert found[13] == zlib.crc32(image.read(entries * sector, 16384))
        assert found[3] == zlib.crc32(raw[:16] + bytes(4) + raw[20:92])


@given(tables(), tables(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_write_that_ends_at_any_byte_leaves_the_old_or_the_new_table(
    old: gpt.Table, new: gpt.Table, data: st.DataObject
) -> None:
    """The old one may have been made while the disk had other sectors: then nothing, or the new one, is found."""
    image, writes = Bytes(), new.writes()
    if old.sector == new.sector:
        image.apply(old.writes())
    step = data.draw(st.integers(0, len(writes)))
    image.apply(writes[:step])
    if step < len(writes):
        offset, whole = writes[step]
        image.write(offset, whole[: data.draw(st.integers(0, len(whole)))])
    if old.sector == new.sector:
        assert image.parse(new.sector) in (old, new)
    elif step >= 2:
        assert image.parse(new.sector) == new


@both
def test_a_table_for_other_sectors_is_none(sector: int) -> None:
    image = Bytes()
    image.apply(gpt.new(SIZE // sector, sector).add("EFI", 8 * MIB).writes())
    other = next(one for one in gpt.SECTORS if one != sector)
    with pytest.raises(gpt.TableError, match="no signature"):
        image.parse(other)
    assert [table.sector for table in gpt.found(image.read, SIZE)] == [sector]
    assert gpt.found(Bytes().read, SIZE) == []


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["tool"])
def test_what_other_programs_wrote_in_sectors_of_4096_bytes(vector: dict[str, Any]) -> None:
    image = Bytes(vector["mib"] * MIB)
    head, tail = (zlib.decompress(base64.b64decode(vector[name])) for name in ("head", "tail"))
    image.head[: len(head)], image.tail[-len(tail) :] = head, tail
    table = image.parse(4096)
    assert table.disk == uuid.UUID(vector["disk"])
    found = [[p.number, p.name, p.first, p.sectors, str(p.type), str(p.id)] for p in table.partitions]
    assert found == [[*part[:4], part[4].lower(), part[5].lower()] for part in vector["partitions"]]
    assert [p.attributes for p in table.partitions] == [1 << 60 if part[6] else 0 for part in vector["partitions"]]
    # Written by us, it is the same but for what the specification leaves to the writer.
    ours = Bytes(image.size)
    ours.apply(table.writes())
    assert ours.head[8192:24576] == head[8192:24576]
    assert ours.tail[-20480:-4096] == tail[-20480:-4096]
    image.head[4096:8192] = bytes(4096)
    assert image.parse(4096) == table


# -- foreign bytes --


@given(sectors, st.lists(st.tuples(st.integers(0, (128 << 10) - 1), st.integers(1, 255)), max_size=40), st.booleans())
@settings(max_examples=80, deadline=None)
def test_damage_in_both_copies_is_a_table_or_an_error(
    sector: int, damage: list[tuple[int, int]], mirrored: bool
) -> None:
    image = Bytes()
    image.apply(gpt.new(SIZE // sector, sector).add("EFI", 8 * MIB).writes())
    for at, flip in damage:
        image.head[at] ^= flip
        image.tail[-at - 1 if mirrored else at] ^= flip
    with contextlib.suppress(gpt.TableError):
        image.parse(sector)


numbers = st.sampled_from([0, 1, 2, 5, 6, 33, 34, 128, 129, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1)
places = numbers | st.integers(0, 2**64 - 1)


@given(sectors, numbers, places, numbers, numbers, st.binary(max_size=600), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_header_that_says_anything_with_right_checksums_is_a_table_or_an_error(
    sector: int, size: int, entries_at: int, count: int, entry_bytes: int, entries: bytes, fits: bool
) -> None:
    """Whoever hands over a stick writes checksums that are right: what they cover is not to be trusted."""
    image = Bytes()
    if fits:
        size, entries_at, entry_bytes = 92, 2, 128
        count = count % 300
    image.head[2 * sector : 2 * sector + len(entries)] = entries
    checksum = zlib.crc32(image.read(entries_at * sector, count * entry_bytes)) if count * entry_bytes < MIB else 0

    def packed(own: int) -> bytes:
        return HEADER.pack(
            b"EFI PART", 0x10000, size, own, 0, 1, SIZE // sector - 1, 34, 99, bytes(16), entries_at, count,
            entry_bytes, checksum,
        )  # fmt: skip

    head = packed(0).ljust(sector, b"\0")
    head = packed(zlib.crc32(head[:size])).ljust(sector, b"\0") if size <= sector else head
    image.head[sector : 2 * sector] = head
    try:
        table = image.parse(sector)
    except gpt.TableError:
        return
    assert all(0 < part.first <= part.last < SIZE // sector for part in table.partitions)
    with contextlib.suppress(gpt.TableError):
        image.apply(table.writes())
        assert image.parse(sector) == table


@both
def test_a_table_with_more_entries_than_we_write_is_not_cut(sector: int) -> None:
    table = gpt.new(SIZE // sector, sector).add("EFI", 8 * MIB)
    many = replace(table, partitions=(replace(table.partitions[0], number=gpt.ENTRIES + 1),))
    with pytest.raises(gpt.TableError, match="129"):
        many.writes()


# -- other programs and the kernel, on a disk with sectors of 4096 bytes --


def program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is the oracle here")
    return found


def run(*words: str | Path) -> str:
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout


@pytest.fixture
def device(tmp_path: Path) -> Iterator[tuple[Path, gpt.Table]]:
    """A disk with our table."""
    if os.geteuid() != 0:
        pytest.skip("loop devices need root")
    losetup, image = program("losetup"), tmp_path / "disk"
    image.touch()
    os.truncate(image, SIZE)
    found = Path(run(losetup, "--find", "--show", "--sector-size", "4096", image).strip())
    try:
        table = gpt.new(SIZE // 4096, 4096).add("EFI", 8 * MIB, gpt.EFI_SYSTEM).add("META", MIB).add("Ünïcode", None)
        with found.open("r+b") as file:
            for offset, data in table.writes():
                file.seek(offset)
                file.write(data)
        yield found, table
    finally:
        run(losetup, "--detach", found)


def test_sfdisk_reads_ours_in_sectors_of_4096_bytes(device: tuple[Path, gpt.Table]) -> None:
    disk, table = device
    shown = json.loads(run(program("sfdisk"), "--json", disk))["partitiontable"]
    assert (shown["sectorsize"], shown["id"]) == (4096, str(table.disk).upper())
    assert [(p["name"], p["start"], p["size"], p["type"], p["uuid"]) for p in shown["partitions"]] == [
        (p.name, p.first, p.sectors, str(p.type).upper(), str(p.id).upper()) for p in table.partitions
    ]
    run(program("sfdisk"), "--verify", disk)


def test_sgdisk_finds_no_fault_in_ours(device: tuple[Path, gpt.Table]) -> None:
    disk, _ = device
    said = run(program("sgdisk"), "--verify", disk)
    assert "No problems found" in said and "Caution" not in said and "Warning" not in said


def test_parted_reads_ours(device: tuple[Path, gpt.Table]) -> None:
    disk, table = device
    lines = run(program("parted"), "-sm", disk, "unit", "s", "print").splitlines()
    assert lines[1].split(":")[3:6] == ["4096", "4096", "gpt"]
    assert [line.split(":")[1:4] for line in lines[2:]] == [
        [f"{p.first}s", f"{p.last}s", f"{p.sectors}s"] for p in table.partitions
    ]

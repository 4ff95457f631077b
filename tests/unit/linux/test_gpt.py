"""The partition table against sfdisk in both directions, and whatever a power cut or a flipped bit leaves of it."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talos.linux import gpt

MIB = 1 << 20
SFDISK = shutil.which("sfdisk", path="/usr/sbin:/sbin:/usr/bin")


class Image(bytearray):
    """A disk in memory."""

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(self[offset : offset + length])

    def apply(self, writes: list[tuple[int, bytes]]) -> None:
        for offset, data in writes:
            self[offset : offset + len(data)] = data

    def parse(self, sector: int = 512) -> gpt.Table:
        return gpt.parse(self.read_at, len(self) // sector, sector)


def table(mib: int = 64, sector: int = 512) -> gpt.Table:
    made = gpt.new(mib * MIB // sector, sector)
    return made.add("EFI", 8 * MIB, gpt.EFI_SYSTEM).add("META", MIB).add("REST", None, minimum=MIB)


@pytest.mark.parametrize("sector", [512, 4096])
def test_what_is_written_is_read_back(sector: int) -> None:
    image, made = Image(64 * MIB), table(sector=sector)
    image.apply(made.writes())
    assert image.parse(sector) == made


def test_partitions_are_aligned_and_apart() -> None:
    parts = table().partitions
    assert all(p.first % 2048 == 0 and (p.last + 1) % 2048 == 0 for p in parts)
    assert all(one.last < two.first for one, two in itertools.pairwise(parts))
    assert parts[-1].last <= table().last_usable


@pytest.mark.skipif(SFDISK is None, reason="sfdisk is the oracle here")
def test_sfdisk_reads_ours(tmp_path: Path) -> None:
    assert SFDISK is not None
    image, made = Image(64 * MIB), table()
    image.apply(made.writes())
    (tmp_path / "disk").write_bytes(image)
    run = subprocess.run([SFDISK, "--json", tmp_path / "disk"], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)["partitiontable"]
    assert found["id"] == str(made.disk).upper()
    assert [(p["name"], p["start"], p["size"], p["type"], p["uuid"]) for p in found["partitions"]] == [
        (p.name, p.first, p.sectors, str(p.type).upper(), str(p.id).upper()) for p in made.partitions
    ]
    subprocess.run([SFDISK, "--verify", tmp_path / "disk"], capture_output=True, check=True)


@pytest.mark.skipif(SFDISK is None, reason="sfdisk is the oracle here")
def test_ours_reads_sfdisks(tmp_path: Path) -> None:
    assert SFDISK is not None
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(64 * MIB)
    script = "label: gpt\nsize=8M, type=U, name=EFI\nsize=4M, type=L, name=Ünïcode\n,,L\n"
    subprocess.run([SFDISK, "-q", disk], input=script, text=True, check=True)
    found = Image(disk.read_bytes()).parse()
    assert [(p.number, p.name, p.sectors) for p in found.partitions[:2]] == [(1, "EFI", 16384), (2, "Ünïcode", 8192)]
    assert found.partitions[0].type == gpt.EFI_SYSTEM


@pytest.mark.parametrize("done", range(6))
def test_a_power_cut_while_writing_leaves_the_old_or_the_new_table(done: int) -> None:
    old, image = table(), Image(64 * MIB)
    image.apply(old.writes())
    new = old.remove("REST").add("STATE", 4 * MIB)
    image.apply(new.writes()[:done])
    assert image.parse() in (old, new)
    if done == 5:
        assert image.parse() == new


@given(st.integers(0, 5), st.integers(0, 40_000))
@settings(max_examples=50, deadline=None)
def test_a_write_that_is_cut_short_leaves_the_old_or_the_new_table(step: int, cut: int) -> None:
    old, image = table(), Image(64 * MIB)
    image.apply(old.writes())
    new = old.remove("META")
    writes = new.writes()
    image.apply(writes[:step])
    if step < len(writes):
        image.apply([(writes[step][0], writes[step][1][:cut])])
    assert image.parse() in (old, new)


@given(st.integers(512, 2 * 512 + 128 * 128 - 1), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_in_one_copy_is_no_loss(at: int, bit: int) -> None:
    image, made = Image(64 * MIB), table()
    image.apply(made.writes())
    image[at] ^= 1 << bit
    assert image.parse() == made


def test_no_table_says_why() -> None:
    with pytest.raises(gpt.TableError, match="no partition table"):
        Image(MIB).parse()


@given(st.binary(min_size=512, max_size=512))
@settings(max_examples=60, deadline=None)
def test_any_header_is_a_table_or_an_error(noise: bytes) -> None:
    image = Image(4 * MIB)
    image[512:1024] = b"EFI PART" + noise[8:]
    with pytest.raises(gpt.TableError):
        image.parse()


def test_a_disk_that_grew_keeps_its_partitions_and_offers_the_room() -> None:
    image, made = Image(64 * MIB), table()
    image.apply(made.writes())
    image += bytes(64 * MIB)
    grown = image.parse().grow("REST")
    rest = grown.named("REST")
    assert rest is not None
    assert rest.sectors * 512 > 100 * MIB
    assert [p.id for p in grown.partitions] == [p.id for p in made.partitions]
    image.apply(grown.writes())
    assert image.parse() == grown


def test_a_partition_grows_only_to_the_next_one() -> None:
    made = gpt.new(64 * 2048).add("A", 4 * MIB).add("B", 4 * MIB).remove("A").add("C", 2 * MIB)
    grown = made.grow("C")
    c, b = grown.named("C"), grown.named("B")
    assert c is not None
    assert b is not None
    assert c.last == b.first - 1


@pytest.mark.parametrize(("size", "words"), [(1 << 40, "the largest gap has"), (None, "needs")])
def test_what_does_not_fit_is_refused(size: int | None, words: str) -> None:
    with pytest.raises(gpt.TableError, match=words):
        gpt.new(64 * 2048).add("X", size, minimum=1 << 40)


def test_names_have_a_limit() -> None:
    with pytest.raises(gpt.TableError, match="36 characters"):
        gpt.new(64 * 2048).add("x" * 37, MIB)
    with pytest.raises(gpt.TableError, match="too small"):
        gpt.new(1024)


def test_a_partition_keeps_its_number_and_id() -> None:
    identity = uuid.uuid4()
    made = gpt.new(64 * 2048).add("A", MIB, id_=identity).add("B", MIB).remove("A").add("C", MIB)
    assert [(p.number, p.name) for p in made.partitions] == [(1, "C"), (2, "B")]

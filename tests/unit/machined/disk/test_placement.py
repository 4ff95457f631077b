"""Which disk takes a volume, and how much of it: arithmetic on tables in memory."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from talos.config import Config
from talos.config.view.model import Provisioning
from talos.linux import gpt
from talos.linux.block import BlockDevice
from talos.machined.disk import placement
from talos.machined.disk.placement import Candidate, PlaceError

MIB, GIB = 1 << 20, 1 << 30
ANY = Provisioning(selector="disk.size > 0u")


def candidate(name: str, size: int = 10 * GIB, *, system: bool = False, taken: tuple[int, ...] = ()) -> Candidate:
    """A disk with partitions of these sizes."""
    table = gpt.new(size // gpt.SECTOR)
    for number, part in enumerate(taken):
        table = table.add(f"part-{number}", part)
    return Candidate(BlockDevice(name, size=size, transport="virtio"), table, system=system)


def wanted(text: str) -> Provisioning:
    document = f"apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning: {{{text}}}\n"
    return Config.decode(document).machine.system_volumes["EPHEMERAL"].provisioning


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("maxSize: 4GiB", 4096),
        ("maxSize: 4GB", 4_000_000_000 // MIB),
        ("maxSize: 50%", 5120),
        ("maxSize: 100%", 8190),  # more than there is: 2 GiB are taken
        ("maxSize: -1GiB", 8190 - 1024),
        ("maxSize: -25%", 8190 - 2560),
        ("minSize: 3GiB", 8190),
    ],
)
def test_sizes(text: str, mib: int) -> None:
    disk = candidate("vda", taken=(2 * GIB,))
    found = placement.place("EPHEMERAL", replace(wanted(text), selector=ANY.selector), GIB, [disk])
    assert found.partition.sectors * gpt.SECTOR // MIB == mib
    assert found.partition.name == "EPHEMERAL"


def test_the_first_disk_that_is_meant_and_has_room_is_taken() -> None:
    disks = [
        candidate("vda", system=True), candidate("vdb", 2 * GIB), candidate("vdc", 8 * GIB, taken=(6 * GIB,)),
        candidate("vdd"), candidate("vde"),
    ]  # fmt: skip
    found = placement.place("u-data", Provisioning(selector="!system_disk", min_size=3 * GIB), GIB, disks)
    assert str(found.disk) == "/dev/vdd"
    assert str(placement.place("EPHEMERAL", Provisioning(), GIB, disks).disk) == "/dev/vda"
    with pytest.raises(PlaceError) as refused:
        placement.place("u-data", Provisioning(selector="!system_disk", min_size=30 * GIB), GIB, disks[:3])
    assert str(refused.value) == (
        "no disk has room for u-data: /dev/vdb has 2046 MiB free in one piece, u-data needs 30720 MiB; "
        "/dev/vdc has 2046 MiB free in one piece, u-data needs 30720 MiB"
    )


def test_what_cannot_be_placed_says_which_disks_there_are() -> None:
    disks = [candidate("vda", system=True), replace(candidate("vdb"), table=None, problem="holds a file system (xfs)")]
    for wish, words in (
        (Provisioning(selector="disk.transport == 'nvme'"), r"no disk matches .*: this machine has .dev.vda \(10.7 GB"),
        (Provisioning(selector="!system_disk"), r"no disk has room for EPHEMERAL: /dev/vdb holds a file"),
        (Provisioning(selector="disk.colour == 'red'"), "provisioning.diskSelector: there is no field colour"),
        (Provisioning(max_size=GIB), "of which it may take 1024 MiB, EPHEMERAL needs 2048 MiB"),
    ):  # fmt: skip
        with pytest.raises(PlaceError, match=words):
            placement.place("EPHEMERAL", wish, 2 * GIB, disks)


SIZES = st.integers(0, 40).map(lambda n: n * GIB // 4)
PROVISIONING = st.builds(
    Provisioning,
    selector=st.just(ANY.selector),
    min_size=SIZES,
    max_size=SIZES,
    max_percent=st.integers(0, 100),
    negative=st.booleans(),
)


@given(
    wish=PROVISIONING,
    size=st.integers(1 * GIB, 10 * GIB),
    taken=st.lists(st.integers(1, 2 * GIB), max_size=4),
    removed=st.sets(st.integers(0, 3)),
    minimum=st.integers(1, GIB),
)
def test_a_volume_overlaps_nothing_and_keeps_to_its_limits(
    wish: Provisioning, size: int, taken: list[int], removed: set[int], minimum: int
) -> None:
    table = gpt.new(size // gpt.SECTOR)
    for number, part in enumerate(taken):
        try:
            table = table.add(f"part-{number}", part)
        except gpt.TableError:
            break
    table = table.remove(*(f"part-{number}" for number in removed))
    largest = max((last - first + 1 for first, last in table.gaps()), default=0) * gpt.SECTOR
    try:
        new = placement.added(table, "u-data", wish, minimum)
    except gpt.TableError:
        assert placement.limit(wish, size, largest) < max(wish.min_size or minimum, MIB)
        return
    one = new.named("u-data")
    assert one is not None
    got = one.sectors * gpt.SECTOR
    assert max(wish.min_size or minimum, MIB) <= got <= largest and got % MIB == 0
    if wish.max_size and not wish.max_percent and not wish.negative:
        assert got <= wish.max_size
    if wish.max_percent and not wish.negative:
        assert got <= size * wish.max_percent // 100
    if wish.negative:
        kept = size // gpt.SECTOR * gpt.SECTOR * wish.max_percent // 100 if wish.max_percent else wish.max_size
        assert largest - got >= kept
    places = sorted((p.first, p.last) for p in new.partitions)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(places)) and places[-1][1] <= new.last_usable
    assert {p for p in new.partitions if p is not one} == set(table.partitions)
    # What was just made is as it would be made.
    made = replace(candidate("vda", size), table=new)
    assert placement.agrees(made, one, wish, minimum)
    # On a disk that grew it grows to its limit and never shrinks; twice is once.
    larger = replace(new, sectors=new.sectors + 4 * GIB // gpt.SECTOR)
    grown = placement.grown(larger, "u-data", wish)
    after = grown.named("u-data")
    assert after is not None and after.first == one.first and after.last >= one.last
    if wish.max_size and not wish.max_percent and not wish.negative:
        assert after.sectors * gpt.SECTOR <= max(wish.max_size, got)
    assert placement.grown(grown, "u-data", wish) == grown

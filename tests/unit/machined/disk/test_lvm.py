"""Removing what LVM has on disks: on two physical volumes of lvm2 2.03.16 (vgcreate data, lvcreate lv1, lv2, lv3).

What each removal leaves was read by lvm2's own pvs, vgs, lvs and vgck when this was written; here it is read back by
the same code that wrote it, with the checksums that lvm2 put there as the measure.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.linux import lvm_disk, lvm_text
from talos.linux.lvm import Device, UnknownVolumeError, VolumeRefusedError, group
from talos.linux.lvm import scan as scan_devices
from talos.machined.disk import lvm

RECORDED = Path(__file__).parents[2] / "controllers/storage/lvm2"
SIZE = 2 << 20


@pytest.fixture
def disks(tmp_path: Path) -> list[tuple[str, Path]]:
    """Two members, and a disk that has nothing to do with it."""
    found = []
    for name, head in (("sda", "a"), ("sdb", "b"), ("sdc", "")):
        path = tmp_path / name
        path.write_bytes(lzma.decompress((RECORDED / f"{head}.xz").read_bytes()) if head else b"")
        with path.open("r+b") as file:
            file.truncate(SIZE)
        found.append((name, path))
    return found


def scan(disks: list[tuple[str, Path]]) -> list[Device]:
    return list(scan_devices(disks))


def remove_lv(disks: list[tuple[str, Path]], name: str) -> None:
    lvm.remove_logical_volume(group("data", scan(disks)), name)


def test_what_lvm2_wrote_is_read(disks: list[tuple[str, Path]]) -> None:
    found = scan(disks)
    assert [(d.name, d.volume.uuid) for d in found] == [
        ("sda", "N2CWKMePc4HZ3nBuP4DkPGmghiedZXdG"),
        ("sdb", "wkr2seGrceEdRjiNg8w0fjDMENyxQaCt"),
    ]
    vg = group("data", found)
    assert sorted(vg.volumes) == ["lv1", "lv2", "lv3"]
    assert (vg.id, len(vg.devices)) == ("ggzFFDuQUayfJElXKeEFU3vcbJcE1XQL", 2)


def test_a_logical_volume_goes_and_nothing_else_changes(disks: list[tuple[str, Path]]) -> None:
    before = group("data", scan(disks)).text
    remove_lv(disks, "lv2")
    found = scan(disks)
    vg = group("data", found)
    assert sorted(vg.volumes) == ["lv1", "lv3"]
    assert vg.root.text("seqno") == "7"
    assert [device.texts for device in found] == [(vg.text,), (vg.text,)]
    cut = before.index("lv2 {"), before.index("lv3 {")
    assert vg.text.split() == (before[: cut[0]] + before[cut[1] :]).replace("seqno = 6", "seqno = 7").split()


def test_all_of_it_goes_step_by_step(disks: list[tuple[str, Path]]) -> None:
    with pytest.raises(VolumeRefusedError, match=r'group "data" has logical volumes \(lv1, lv2, lv3\): remove them'):
        lvm.remove_volume_group(group("data", scan(disks)))
    with pytest.raises(VolumeRefusedError, match='"/dev/sda" belongs to volume group "data": remove that first'):
        lvm.remove_physical_volume("/dev/sda", scan(disks))
    for name in ("lv1", "lv2", "lv3"):
        remove_lv(disks, name)
    lvm.remove_volume_group(group("data", scan(disks)))
    with pytest.raises(UnknownVolumeError, match=r'volume group "data" not found$'):
        group("data", scan(disks))
    assert [device.name for device in scan(disks)] == ["sda", "sdb"]
    lvm.remove_physical_volume("/dev/sda", scan(disks))
    assert [device.name for device in scan(disks)] == ["sdb"]
    with pytest.raises(UnknownVolumeError, match='"/dev/sda" not found: there is sdb'):
        lvm.remove_physical_volume("/dev/sda", scan(disks))
    lvm.remove_physical_volume("sdb", scan(disks))
    assert disks[2][1].read_bytes() == bytes(SIZE)


def test_texts_go_round_the_ring(disks: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A small metadata area is gone round many times; the text in force is never overwritten by the next."""
    path = disks[0][1]
    with path.open("r+b") as file:
        file.seek(4096)
        volume = scan(disks)[0]
        small = lvm_disk.Area(4096, 4096 + 2048)
        text = volume.texts[0]
        rounds = set()
        for number in range(40):
            new = text.replace("seqno = 6", f"seqno = {number + 100}") + "#" * (number * 37 % 300)
            writes, header = lvm_disk.replace_text(small, new)
            old = range(small.text_offset, small.text_offset + small.text_size)
            for offset, data in writes:
                assert not set(range(offset - 4096, offset - 4096 + len(data))) & set(old)
            for offset, data in (*writes, header):
                file.seek(offset)
                file.write(data)
            file.flush()
            content = path.read_bytes()[: 1 << 20]
            small = lvm_disk._area(lambda o, n, c=content: c[o : o + n], 4096, 4096 + 2048)  # type: ignore[misc]
            assert lvm_disk.text(lambda o, n, c=content: c[o : o + n], small) == new  # type: ignore[misc]
            rounds.add(small.text_offset + small.text_size > small.size)
        assert rounds == {True, False}, "some texts wrap, some do not"
        with pytest.raises(lvm_disk.FormatError, match="no room"):
            lvm_disk.replace_text(small, text * 3)


def test_a_change_that_ended_in_the_middle_is_repeated(disks: list[tuple[str, Path]]) -> None:
    """One member has the new text, the other the old one: the younger counts."""
    other = disks[1][1].read_bytes()
    remove_lv(disks, "lv1")
    disks[1][1].write_bytes(other)
    assert sorted(group("data", scan(disks)).volumes) == ["lv2", "lv3"]
    remove_lv(disks, "lv2")
    assert [lvm_text.parse(d.texts[0]).section("data").text("seqno") for d in scan(disks)] == ["8", "8"]


def test_a_group_that_is_not_whole_is_left_alone(disks: list[tuple[str, Path]]) -> None:
    before = disks[0][1].read_bytes()
    with pytest.raises(VolumeRefusedError, match='"data" is not complete: /dev/loop1 is missing'):
        remove_lv([disks[0], disks[2]], "lv1")
    assert disks[0][1].read_bytes() == before


def rewritten(disks: list[tuple[str, Path]], change: tuple[str, str]) -> None:
    """The group's text with something else in it, as LVM would have written it."""
    vg = group("data", scan(disks))
    assert change[0] in vg.text
    lvm._write_text(vg, vg.text.replace(*change, 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('type = "striped"', 'type = "thin"'), "of type thin: the node removes"),
        (('"pv0", 2', '"lv1", 2'), 'is used by "lv2": remove that first'),
    ],
)
def test_what_shares_its_data_is_refused(disks: list[tuple[str, Path]], change: tuple[str, str], words: str) -> None:
    rewritten(disks, change)
    before = [path.read_bytes() for _, path in disks]
    with pytest.raises(VolumeRefusedError, match=words):
        remove_lv(disks, "lv1")
    assert [path.read_bytes() for _, path in disks] == before


def test_hidden_parts_go_with_their_volume_and_alone_cannot_be_named(disks: list[tuple[str, Path]]) -> None:
    rewritten(disks, ('"pv0", 2', '"lv1", 2'))
    vg = group("data", scan(disks))
    hidden = vg.text.index('"VISIBLE"')
    lvm._write_text(vg, vg.text[:hidden] + vg.text[hidden + len('"VISIBLE"') :])
    with pytest.raises(UnknownVolumeError, match='"data/lv1" not found: there is lv2, lv3'):
        remove_lv(disks, "lv1")
    remove_lv(disks, "lv2")
    assert sorted(group("data", scan(disks)).volumes) == ["lv3"]


def test_an_active_volume_is_refused(
    disks: list[tuple[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "class/block/dm-0/dm"
    folder.mkdir(parents=True)
    (folder / "uuid").write_text("LVM-ggzFFDuQUayfJElXKeEFU3vcbJcE1XQLWdnTvLFWoIwVzetSObZJy24h0lYVhgrI\n")
    (folder / "name").write_text("data-lv1\n")
    monkeypatch.setattr("talos.linux.block.SYS", tmp_path)
    with pytest.raises(VolumeRefusedError, match='"data/lv1" is active as data-lv1'):
        remove_lv(disks, "lv1")
    remove_lv(disks, "lv2")


@pytest.mark.parametrize("place", [20, 532, 600, 4096 + 8, 4096 + 44, 4096 + 8704 + 100])
def test_damage_is_noticed(disks: list[tuple[str, Path]], place: int) -> None:
    with disks[0][1].open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0xFF]))
    if place == 20:  # before the label: not LVM's
        assert len(scan(disks)) == 2
        return
    assert [device.name for device in scan(disks)] == ["sdb"]
    with pytest.raises(VolumeRefusedError, match="not complete"):
        remove_lv(disks, "lv1")


@given(st.binary(max_size=4096), st.integers(0, 3))
def test_any_bytes_are_read_or_refused(data: bytes, sector: int) -> None:
    """Bytes of others: a label that is one, and anything behind it."""
    label = bytearray(data[:512].ljust(512, b"\0"))
    label[:8], label[8:16], label[24:32] = b"LABELONE", sector.to_bytes(8, "little"), b"LVM2 001"
    label[16:20] = lvm_disk.crc(bytes(label[20:])).to_bytes(4, "little")
    disk = bytes(sector * 512) + bytes(label) + data[512:]

    def read(offset: int, length: int) -> bytes:
        return disk[offset : offset + length]

    try:
        found = lvm_disk.read(read)
    except lvm_disk.FormatError:
        return
    assert found is not None
    for area in found.areas:
        lvm_disk.text(read, area)


@given(st.text(alphabet='ab1 ={}[]",\n#\\', max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = lvm_text.parse(text)
    except lvm_text.MetadataError:
        return
    for name, section in found.sections.items():
        assert name not in lvm_text.parse(lvm_text.without(text, [section], {})).sections or text.count(name) > 1

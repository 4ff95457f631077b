"""Superblocks and partition tables as the formats' own programs write them, and as nobody should."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wires import needs

from talos.linux import gpt, superblock

ID = "0b7d0f3a-3d4c-4f6e-9a64-5c1f3c2b1a00"
SECTORS = (64 << 20) // gpt.SECTOR
SBIN = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def reader(data: bytes) -> superblock.Read:
    return lambda offset, length: data[offset : offset + length]


def of_file(path: Path) -> superblock.Read:
    def read(offset: int, length: int) -> bytes:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    return read


def make(path: Path, megabytes: int, *command: str | Path) -> superblock.Superblock | None:
    if megabytes:
        with path.open("wb") as file:
            file.truncate(megabytes << 20)
    program = shutil.which(str(command[0]), path=SBIN)
    assert program is not None
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return superblock.probe(of_file(path))


def case(program: str, megabytes: int, *arguments: str, **expected: object) -> object:
    return pytest.param(program, megabytes, arguments, expected, id=program, marks=[needs(program), pytest.mark.slow])


@pytest.mark.parametrize(
    ("program", "megabytes", "arguments", "expected"),
    [
        case("mkfs.ext4", 8, "-q", "-L", "root", "-U", ID, "-b", "1024", "{}", name="ext4", label="root", uuid=ID,
             size=8 << 20, filesystem_block_size=1024),
        case("mkfs.ext2", 8, "-q", "-L", "old", "-U", ID, "{}", name="ext2", label="old", uuid=ID),
        case("mkfs.xfs", 320, "-q", "-L", "STATE", "-m", f"uuid={ID}", "{}", name="xfs", label="STATE", uuid=ID,
             size=320 << 20),
        case("mkfs.vfat", 64, "-F", "32", "-n", "CIDATA", "-i", "1234abcd", "{}", name="vfat", label="CIDATA",
             uuid="1234-ABCD", size=64 << 20),
        case("mkfs.fat", 8, "-F", "12", "-n", "cidata", "-i", "1234abcd", "{}", name="vfat", label="cidata"),
        case("mkswap", 8, "-q", "-L", "swap", "-U", ID, "{}", name="swap", label="swap", uuid=ID, size=8 << 20),
        case("mkfs.btrfs", 128, "-q", "-L", "data", "-U", ID, "{}", name="btrfs", label="data", uuid=ID,
             size=128 << 20),
        case("cryptsetup", 32, "luksFormat", "-q", "--type", "luks2", "--label", "locked", "--uuid", ID, "--pbkdf",
             "pbkdf2", "--pbkdf-force-iterations", "1000", "{}", "/etc/hostname", name="luks", label="locked", uuid=ID),
    ],
)  # fmt: skip
def test_what_its_own_program_writes(
    program: str, megabytes: int, arguments: tuple[str, ...], expected: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "device"
    found = make(path, megabytes, program, *(str(path) if argument == "{}" else argument for argument in arguments))
    assert found is not None
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "user-data").write_text("x" * 5000)
    return made


@needs("mksquashfs")
def test_squashfs(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "image"
    found = make(path, 0, "mksquashfs", folder, path, "-quiet", "-no-progress")
    assert found is not None
    assert (found.name, found.size <= path.stat().st_size) == ("squashfs", True)


@needs("mkfs.erofs")
def test_erofs(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "image"
    found = make(path, 0, "mkfs.erofs", "-U", ID, path, folder)
    assert found is not None
    assert (found.name, found.uuid) == ("erofs", ID)


@needs("xorriso")
def test_iso9660(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "image"
    found = make(path, 0, "xorriso", "-as", "mkisofs", "-quiet", "-V", "metal-iso", "-o", path, folder)
    assert found is not None
    assert (found.name, found.label) == ("iso9660", "metal-iso")


@needs("sfdisk")
def test_partition_table_and_its_backup(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    lines = ("label: gpt", f"label-id: {ID}", "start=2048, size=8192, type=U, name=EFI", "size=2048", 'name="long √"')
    sfdisk = shutil.which("sfdisk", path=SBIN)
    assert sfdisk is not None
    subprocess.run([sfdisk, "-q", path], input="\n".join(lines), text=True, check=True, capture_output=True)
    listing = subprocess.run([sfdisk, "--json", path], check=True, capture_output=True).stdout
    told = json.loads(listing)["partitiontable"]
    table = gpt.parse(of_file(path), SECTORS)
    assert str(table.disk) == ID
    expected = [
        (n, p["type"].lower(), p["uuid"].lower(), p.get("name", ""), p["start"], p["size"])
        for n, p in enumerate(told["partitions"], 1)
    ]
    assert [(p.number, str(p.type), str(p.id), p.name, p.first, p.sectors) for p in table.partitions] == expected
    data = bytearray(path.read_bytes())
    data[520] ^= 1  # the primary header's checksum no longer holds
    assert gpt.parse(reader(bytes(data)), SECTORS) == table
    data[-500] ^= 1
    no_table(bytes(data))


def no_table(data: bytes) -> None:
    with pytest.raises(gpt.TableError):
        gpt.parse(reader(data), len(data) // gpt.SECTOR)


SIGNATURES = [
    (0, b"LUKS\xba\xbe\0\2"), (0, b"XFSB"), (1080, b"\x53\xef"), (0, b"hsqs"), (1024, b"\xe2\xe1\xf5\xe0"),
    (32769, b"CD001"), (4086, b"SWAPSPACE2"), (65600, b"_BHRfS_M"), (0, b"\xeb"), (82, b"FAT32"), (512, b"EFI PART"),
]  # fmt: skip


@given(st.sampled_from(SIGNATURES), st.binary(max_size=300), st.integers(0, 1100), st.integers(0, 70000))
def test_a_signature_before_rubbish(signature: tuple[int, bytes], rubbish: bytes, at: int, length: int) -> None:
    place, word = signature
    data = bytearray(72000)
    data[at : at + len(rubbish)] = rubbish
    data[510:512] = b"\x55\xaa"
    data[place : place + len(word)] = word
    found = superblock.probe(reader(bytes(data[:length])))
    assert found is None or found.size >= 0
    no_table(bytes(data[:length]))


def test_an_empty_device() -> None:
    assert superblock.probe(reader(b"")) is None
    assert superblock.probe(reader(bytes(1 << 20))) is None
    no_table(b"")


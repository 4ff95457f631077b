"""What the first stage reads of a disk and of a unified kernel image, by its own code: os/stage1/slot.c."""

from __future__ import annotations

import struct
import subprocess
import uuid
from pathlib import Path

import pytest

from talos.imager.build import CHECKOUT
from talos.linux import gpt

MIB = 1 << 20
PROGRAM = """
#include "%s/slot.c"
void say(const char *format, ...) { (void)format; }
int main(int count, char **words)
{
	int fd = open(words[2], O_RDONLY);
	(void)count;
	if (*words[1] == 'p')
		printf("%%u\\n", partition_number(fd, words[3]));
	else if (*words[1] == 'i')
		printf("%%u\\n", initrd_offset(fd));
	else
		printf("%%d\\n", slot_holds(fd, strtoull(words[3], NULL, 10), words[4]));
	return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slot")
    (folder / "test.c").write_text(PROGRAM % (CHECKOUT / "os/stage1"))
    subprocess.run(["gcc", "-Wno-unused-function", "-o", folder / "test", folder / "test.c"], check=True)
    return folder / "test"


def run(program: Path, *words: object) -> int:
    command = [str(program), *map(str, words)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_partition_is_found_by_its_uuid(program: Path, tmp_path: Path, sector: int) -> None:
    disk = tmp_path / "disk"
    table = gpt.new(64 * MIB // sector, sector).add("EFI", 8 * MIB).add("META", MIB).add("STATE", 4 * MIB)
    with disk.open("wb") as file:
        file.truncate(64 * MIB)
        for at, data in table.writes():
            file.seek(at)
            file.write(data)
    for partition in table.partitions:
        assert run(program, "partition", disk, str(partition.id).upper()) == partition.number
    assert run(program, "partition", disk, uuid.uuid4()) == 0


def test_a_disk_without_a_table_has_no_partition(program: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(MIB))
    assert run(program, "partition", disk, uuid.UUID(int=0)) == 0
    disk.write_bytes(b"")
    assert run(program, "partition", disk, uuid.UUID(int=0)) == 0


def image(path: Path, *names: bytes) -> Path:
    """PE header and section table, sections at 0x1000, 0x2000, …"""
    sections = b"".join(
        name.ljust(8, b"\0") + struct.pack("<IIII", 1, 0, 512, 0x1000 * (number + 1)) + bytes(16)
        for number, name in enumerate(names)
    )
    header = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(names), 0, 0, 0, 16, 0) + bytes(16)
    path.write_bytes(b"MZ" + bytes(0x3A) + struct.pack("<I", 0x40) + header + sections)
    return path


def test_the_initramfs_is_found_in_a_unified_kernel_image(program: Path, tmp_path: Path) -> None:
    path = image(tmp_path / "uki", b".text", b".osrel", b".initrd")
    assert run(program, "initrd", path) == 0x3000
    assert run(program, "initrd", image(path, b".text", b".initrdx")) == 0
    whole = image(path, b".text", b".osrel", b".initrd").read_bytes()
    for length in (0, 2, 63, 70, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert run(program, "initrd", path) == 0


def test_another_image_in_the_slot_is_not_taken(program: Path, tmp_path: Path) -> None:
    slot, copy = tmp_path / "slot", tmp_path / "copy"
    data = bytes(range(256)) * 64
    slot.write_bytes(bytes(1536) + data + bytes(100))
    copy.write_bytes(data)
    assert run(program, "holds", slot, 1536, copy) == 1
    assert run(program, "holds", slot, 1024, copy) == 0
    for at in (0, len(data) - 1):
        changed = bytearray(data)
        changed[at] ^= 1
        copy.write_bytes(changed)
        assert run(program, "holds", slot, 1536, copy) == 0
    slot.write_bytes(bytes(1536) + data[:-1])
    copy.write_bytes(data)
    assert run(program, "holds", slot, 1536, copy) == 0

"""The raw disk image: GPT with the EFI system partition and META; the node makes STATE and EPHEMERAL at first boot.

Sizes and types are those of the contract. The file is sparse: 2.1 GiB long, as large on disk as the system in it.
"""

from __future__ import annotations

from pathlib import Path

from talos.imager.errors import run

MIB = 1 << 20
EFI_SIZE = 2101 * MIB
META_SIZE = MIB
START = MIB
TAIL = MIB  # the second partition table
EFI_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
LINUX_TYPE = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
# Fixed: the same inputs give the same bytes. An installer that writes a disk of its own makes random ones.
DISK_ID = "54616C6F-7300-4000-8000-000000000000"
EFI_ID = "54616C6F-7300-4000-8000-000000000001"
META_ID = "54616C6F-7300-4000-8000-000000000002"


def build(image: Path, esp: Path) -> None:
    """Writes `image` around the file system image `esp`."""
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(START + EFI_SIZE + META_SIZE + TAIL)
    script = (
        f"label: gpt\nlabel-id: {DISK_ID}\nunit: sectors\nfirst-lba: 2048\n\n"
        f"start={START // 512}, size={EFI_SIZE // 512}, type={EFI_TYPE}, uuid={EFI_ID}, name=EFI\n"
        f"start={(START + EFI_SIZE) // 512}, size={META_SIZE // 512}, type={LINUX_TYPE}, uuid={META_ID}, name=META\n"
    )
    run(["/sbin/sfdisk", "--quiet", image], text=script)
    copy_sparse(esp, image, START)


def copy_sparse(source: Path, target: Path, offset: int) -> None:
    """Copies what is not zero."""
    with source.open("rb") as read, target.open("r+b") as write:
        position = offset
        while block := read.read(MIB):
            if block.count(0) != len(block):
                write.seek(position)
                write.write(block)
            position += len(block)

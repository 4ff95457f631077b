"""The EFI system partition as an image of a FAT file system, made without privileges by mkfs.vfat(8) and mtools(1)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from talos.imager.errors import run
from talos.imager.squashfs import epoch
from talos.slots.folder import LOADER_CONF

__all__ = ["LOADER_CONF", "build"]
SERIAL = "54414c4f"


def build(image: Path, size: int, files: Mapping[str, Path], texts: Mapping[str, str], work: Path) -> None:
    """Writes a FAT of `size` bytes with these files: path in it → file, or → content. FAT32 from 512 MiB on, else FAT16
    (an El Torito image of a small system has too few clusters for FAT32)."""
    tree = work / "esp"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for path, source in files.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for path, content in texts.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    for entry in (tree, *tree.rglob("*")):
        os.utime(entry, (epoch(), epoch()))
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(size)
    kind = "32" if size >= 512 << 20 else "16"
    run(["/sbin/mkfs.vfat", "--invariant", "-F", kind, "-S", "512", "-i", SERIAL, "-n", "EFI", image])
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch()), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}
    run(
        ["mcopy", "-i", image, "-s", "-p", "-m", "-Q", *sorted(tree.iterdir(), key=lambda path: path.name), "::/"],
        env=environment,
    )
    shutil.rmtree(tree)

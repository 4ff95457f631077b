"""The initramfs: the images and their hash trees as they are, then a compressed archive with the first stage.

The first archive is not compressed (squashfs is), so the kernel copies it and nothing more. The second carries zstd's
checksum: the kernel refuses it when a bit is wrong, and with it goes the first stage that vouches for the images.
"""

from __future__ import annotations

from pathlib import Path

from talos.imager.boot.cpio import Archive
from talos.imager.boot.verity import Verified
from talos.imager.errors import run


def build(
    out: Path,
    stage1: Path,
    modules: list[tuple[Path, bool]],
    images: list[Verified],
    arguments: str,
    work: Path,
    *,
    beside: list[str] | None = None,
) -> None:
    """Writes `out`. `modules`: files in the order of loading, and whether each may fail; `arguments`: what the kernel
    must have been started with; `beside`: paths below /usr/lib/modules of what is loaded out of the root."""
    offsets = []
    with out.open("wb") as file:
        archive = Archive(file)
        for image in images:
            offsets.append(archive.file(f"{image.name}.squashfs", image.file, align=4096))
        archive.close()
    small = work / "stage1.cpio"
    with small.open("wb") as file:
        archive = Archive(file)
        for directory in ("proc", "sys", "dev", "root", "modules"):
            archive.directory(directory)
        archive.file("init", stage1, 0o755)
        archive.text("images", "".join(image.line(at) for image, at in zip(images, offsets, strict=True)))
        archive.text("arguments", arguments + "\n")
        archive.text("modules.list", "".join(f"{'-' if may_fail else ''}{path.name}\n" for path, may_fail in modules))
        archive.text("beside.list", "".join(f"{path}\n" for path in beside or ()))
        for path, _ in modules:
            archive.file(f"modules/{path.name}", path)
        archive.close()
    packed = work / "stage1.cpio.zst"
    run(["zstd", "-q", "-f", "-19", "--check", "-T1", small, "-o", packed])
    with out.open("ab") as file:
        file.write(packed.read_bytes())

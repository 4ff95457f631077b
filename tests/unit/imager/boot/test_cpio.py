"""The cpio archive, read by cpio(1)."""
from __future__ import annotations

import subprocess
from pathlib import Path

from talos.imager.boot.cpio import Archive


def test_cpio_reads_what_was_written_and_data_falls_on_blocks(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 20)
    packed = tmp_path / "archive"
    with packed.open("wb") as out:
        archive = Archive(out)
        offset = archive.file("image", source, align=4096)
        archive.directory("folder")
        archive.text("folder/text", "content\n")
        archive.close()
    assert offset % 4096 == 0
    assert packed.read_bytes()[offset : offset + 5120] == source.read_bytes()
    # cpio(1) does not skip zeros before the first header, as the kernel does.
    data = packed.read_bytes().lstrip(b"\0")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    subprocess.run(["cpio", "-i", "--quiet"], input=data, cwd=folder, check=True)
    assert (folder / "image").read_bytes() == source.read_bytes()
    assert (folder / "folder/text").read_text() == "content\n"

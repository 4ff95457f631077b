"""Hash trees of dm-verity behind the data they verify, by veritysetup(8).

Without salt and superblock: the tree is public, and the same data must give the same bytes. The root hash goes into
the first stage."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from talos.imager.errors import ImageError, run

BLOCK = 4096


@dataclass(frozen=True)
class Verified:
    """A file that ends in its hash tree."""

    name: str
    file: Path
    data_bytes: int
    root_hash: str

    def line(self, offset: int) -> str:
        """As the first stage reads it; offset: where its data begins in the initramfs."""
        return f"{self.name} {self.data_bytes} {self.root_hash} {offset}\n"


def append_tree(name: str, source: Path, target: Path) -> Verified:
    """Copies `source`, filled up to whole blocks, and puts its hash tree behind it."""
    shutil.copyfile(source, target)
    with target.open("r+b") as file:
        size = file.seek(0, 2)
        size += -size % BLOCK
        file.truncate(size)
    said = run(
        ["/sbin/veritysetup", "format", "--no-superblock", "--salt=-", "--hash=sha256", f"--data-block-size={BLOCK}",
         f"--hash-block-size={BLOCK}", f"--data-blocks={size // BLOCK}", f"--hash-offset={size}", target, target]
    )  # fmt: skip
    found = re.search(r"^Root hash:\s+([0-9a-f]{64})$", said, re.M)
    if found is None:
        raise ImageError(f"veritysetup names no root hash for {target}: {said}")
    return Verified(name, target, size, found[1])

"""Packs a tree to squashfs so that the same tree gives the same bytes.

squashfs with zstd rather than erofs: docs/decisions/0003-image.md has the figures. Everything becomes root's, every
time stamp SOURCE_DATE_EPOCH, extended attributes are dropped.
"""

from __future__ import annotations

import os
from pathlib import Path

from talos import versions
from talos.imager.errors import run
from talos.slots import payload

LEVEL = 19
BLOCK = 256 * 1024
EPOCH = 1767225600  # 2026-01-01: a fixed date, so that a commit which changes nothing in the image changes no byte


def epoch() -> int:
    """SOURCE_DATE_EPOCH (reproducible-builds.org), or our own constant."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", EPOCH))


def pack(
    root: Path,
    image: Path,
    level: int = LEVEL,
    block: int = BLOCK,
    version: str = versions.TALOS_VERSION,
    priorities: str = "",
) -> None:
    """Writes `image`, replacing it in one step: a cluster that has the old one mounted keeps it. Its last block says
    its version and digest (talos.slots.payload). priorities: lines of a path below `root` and a number; files of higher
    ones lie further in front."""
    part = image.with_name(image.name + ".part")
    order = image.with_name(image.name + ".sort")
    order.write_text(priorities)
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    run(
        [
            "mksquashfs",
            root,
            part,
            "-noappend",
            "-no-progress",
            "-quiet",
            "-comp",
            "zstd",
            "-Xcompression-level",
            str(level),
            "-b",
            str(block),
            "-all-root",
            "-no-xattrs",
            "-mkfs-time",
            str(epoch()),
            "-all-time",
            str(epoch()),
            "-sort",
            order,
        ],
        env=environment,
    )
    order.unlink()
    payload.tag(part, version)
    part.replace(image)

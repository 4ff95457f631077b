"""A disk image that machines start from, against the disks that it is put on.

Its partition table counts in the sectors of the disk that it was made for. On a disk with others nothing finds it: the
firmware would say "no bootable device", on a screen that nobody looks at.
"""

from __future__ import annotations

import os
from pathlib import Path

from talos.linux import gpt
from talos.provision.model import ProvisionError


def check(image: Path, sector: int) -> None:
    """Whether the image fits disks with sectors of so many bytes; one without a partition table tells nothing.
    ProvisionError."""
    with image.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        tables = gpt.found(lambda offset, length: os.pread(file.fileno(), length, offset), size)
    made = [table.sector for table in tables]
    if not made or sector in made:
        return
    other = f"use --disk-block-size {made[0]}"
    if made[0] == gpt.SECTOR:
        other = "leave the flag out, or use --iso-path: what is started from an ISO installs itself to any disk"
    raise ProvisionError(
        f"--disk-block-size {sector}: the disk image {image} is made for disks with sectors of {made[0]} bytes: "
        f"{other}"
    )

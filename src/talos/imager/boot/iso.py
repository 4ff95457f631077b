"""The ISO image: boots by UEFI from a CD or a USB stick; the same EFI system partition serves both (xorriso(1))."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from talos.imagecache import transfer
from talos.imagecache.layout import CacheError
from talos.imager.errors import ImageError, run
from talos.imager.squashfs import epoch

LABEL = "TALOS"
DISK_ID = "54616c6f730040008000000000000003"  # fixed: the same inputs give the same bytes


CACHE = "imagecache"
"""folder with a cache of images (docs/guides/without-internet.md)"""


def build(image: Path, esp: Path, work: Path, cache: Path | None = None) -> None:
    """Writes `image` around the file system image `esp`, with a cache of images beside it."""
    tree = work / "iso"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    if cache is not None:
        _take(cache, tree / CACHE)
    for path in (*tree.rglob("*"), tree):
        os.utime(path, (epoch(), epoch()))
    image.unlink(missing_ok=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch()), "TZ": "UTC"}
    run(
        [
            "xorriso", "-as", "mkisofs", "-quiet",
            f"--modification-date={time.strftime('%Y%m%d%H%M%S00', time.gmtime(epoch()))}",
            "--gpt_disk_guid", DISK_ID,
            "-volid", LABEL, "-r", "-J", "-iso-level", "3",
            "-append_partition", "2", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", esp,
            "-appended_part_as_gpt", "-partition_cyl_align", "off", "-partition_offset", "16",
            "-e", "--interval:appended_partition_2:all::", "-no-emul-boot",
            "-o", image, tree,
        ],
        env=environment,
    )  # fmt: skip


def _take(cache: Path, target: Path) -> None:
    """ImageError: it is no cache, or one of its files is damaged."""
    if not (cache / "manifests").is_dir():
        hint = "make it with --layout flat" if (cache / "oci-layout").exists() else "`image cache-create` makes one"
        raise ImageError(f"{cache} is no flat cache of images: {hint}")
    try:
        transfer.copy(cache, target, lambda *_: None, lambda: False)
    except (CacheError, OSError) as error:
        raise ImageError(f"the cache of images {cache} cannot be taken in: {error}") from error

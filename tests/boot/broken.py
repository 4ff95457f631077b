"""Images that break: our own root behind a first stage that ends in a panic, a standstill or the end of PID 1."""

from __future__ import annotations

import subprocess
from pathlib import Path

from talos.imager.boot import artefacts

from .machine import ROOT

WAYS = ("PANIC", "HANG", "EXIT")


def image(folder: Path, way: str) -> Path:
    """A unified kernel image that breaks in that way, one of WAYS."""
    program, stage1 = folder / "broken", ROOT / "os/stage1"
    headers = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu", f"-I{stage1}"]
    sources = [ROOT / "tests/boot/broken.c", *(stage1 / name for name in ("modules.c", "slot.c", "verity.c"))]
    command = ["musl-gcc", "-std=gnu11", "-Os", "-static", "-s", f"-DBREAK={way}", *headers, "-o", program, *sources]
    subprocess.run(command, check=True)
    return unified(folder, ROOT / "_out/image", first_stage=program)


def unified(folder: Path, root: Path, first_stage: Path | None = None) -> Path:
    """The unified kernel image around the root image in that folder, quickly: larger than the one of a release."""
    options = artefacts.Options(
        image=root, out=folder / "boot", level=1, kinds=("uki",), first_stage=first_stage
    )
    (made,) = artefacts.build(options)
    return made

"""What the boot tests share: the artefacts of the cloud flavour, and a disk that was installed from the ISO."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from talos.imager import squashfs
from talos.imager.boot import artefacts

from .installed import Installed, install
from .machine import ROOT


@pytest.fixture(scope="session")
def built() -> dict[str, Path]:
    """Kind → file: kernel, initramfs, cmdline, uki, raw, iso."""
    out = ROOT / "_out/boot"
    level = int(os.environ.get("IMAGE_LEVEL", squashfs.LEVEL))
    files = artefacts.build(artefacts.Options(image=ROOT / "_out/image", out=out, level=level))
    return {_kind(path): path for path in files}


def _kind(path: Path) -> str:
    return path.suffix[1:] if path.suffix in (".raw", ".iso") else path.stem.rsplit("-", 1)[-1]


@pytest.fixture(scope="session")
def installed(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Made once; tests take copies of its disk."""
    return install(built["iso"], tmp_path_factory.mktemp("installed"))

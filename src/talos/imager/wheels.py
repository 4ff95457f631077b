"""Pinned wheels from PyPI: what Debian has not, or not new enough.

pip downloads them for the image's interpreter, not for the build host's, with hashes required. The versions are those
of the virtual environment that the tests ran in: tested and shipped are the same.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from talos.imager.debian import CACHE
from talos.imager.errors import ImageError, run
from talos.imager.recipe import Recipe

PYTHON_VERSION = "3.13"
DOWNLOAD = (
    "-m",
    "pip",
    "download",
    "--quiet",
    "--disable-pip-version-check",
    "--python-version",
    PYTHON_VERSION,
    "--implementation",
    "cp",
    "--only-binary=:all:",
    "--no-deps",
)


def lock(recipe: Recipe, path: Path) -> None:
    """Writes the lock file: requirement, version and hash of the one wheel that fits the image."""
    wanted = [f"{name}=={importlib.metadata.version(name)}" for name in recipe.wheels]
    lines = ["# Written by `make lock`: versions of the virtual environment, wheels for the image's Python"]
    with tempfile.TemporaryDirectory(prefix="talos-lock-") as folder:
        run([sys.executable, *DOWNLOAD, "--dest", folder, *wanted])
        for requirement in wanted:
            name = re.sub(r"[-_.]+", "_", requirement.split("==")[0]).lower()
            wheel = next(p for p in Path(folder).iterdir() if p.name.lower().startswith(name + "-"))
            lines.append(f"{requirement} --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}")
    path.write_text("\n".join(lines) + "\n")


def read_lock(path: Path) -> dict[str, tuple[str, str]]:
    """Distribution name → version, sha256."""
    if not path.exists():
        raise ImageError(f"{path} is missing; `make lock` writes it")
    found = re.findall(r"^([\w.-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", path.read_text(), re.M)
    return {name: (version, digest) for name, version, digest in found}


def fetch(path: Path) -> dict[str, Path]:
    """Distribution name → wheel in the cache, verified by hash."""
    folder = CACHE / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    pins = read_lock(path)
    missing = [name for name, (_, digest) in pins.items() if not (folder / f"{digest}.whl").exists()]
    if missing:
        print(f"python: downloading {', '.join(missing)}", flush=True)
        with tempfile.TemporaryDirectory(prefix="talos-wheels-") as temporary:
            run(
                [sys.executable, *DOWNLOAD, "--require-hashes", "--dest", temporary, "-r", path],
                hint="os/python.lock pins these versions; `make lock` pins the current ones.",
            )
            for wheel in Path(temporary).iterdir():
                shutil.move(wheel, folder / f"{sha256(wheel.read_bytes()).hexdigest()}.whl")
    return {name: folder / f"{digest}.whl" for name, (_, digest) in pins.items()}


def unpack(wheels: dict[str, Path], into: Path) -> None:
    """Extracts all of them into one module folder, without their .dist-info."""
    for wheel in (wheels[name] for name in sorted(wheels)):
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                top = entry.filename.split("/")[0]
                if not entry.is_dir() and not top.endswith((".dist-info", ".data")):
                    archive.extract(entry, into)

"""Further images, made from the one that was built: another version, and those that break in a given way.

Only our own package differs, so the imager packs what is already unpacked; the one whose PID 1 ends holds nothing else.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from talos.slots import payload
from tests.cluster.cluster import CHECKOUT, run

PYTHON = CHECKOUT / ".venv/bin/python"
HEALTHY = "v1.14.1"
SILENT = "v1.14.2"
UNHEALTHY = "v1.14.3"
DEAD = "v1.14.4"


def build(folder: Path, version: str, *changes: tuple[str, str, str]) -> Path:
    """An image of that version. changes: (file of the package, text, its replacement)."""
    package = folder / "talos"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(CHECKOUT / "src/talos", package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in (("versions.py", 'TALOS_VERSION = "v1.14.0"', f'TALOS_VERSION = "{version}"'), *changes):
        text = (package / name).read_text()
        assert old in text, f"{name} has no {old!r} any more"
        (package / name).write_text(text.replace(old, new))
    out = folder / "image"
    command = (PYTHON, "-m", "talos.imager", "build", "--level", "1", "--out", out, "--package", package)
    done = run(*command, timeout_s=900, cwd=CHECKOUT)
    assert done.code == 0, done.text
    image = folder / f"{version}.squashfs"
    shutil.copyfile(out / "root.squashfs", image)
    return image


def healthy(folder: Path) -> Path:
    """The same system under another version."""
    return build(folder, HEALTHY)


def silent(folder: Path) -> Path:
    """apid starts, and never listens."""
    listens = "def main() -> int:"
    return build(folder, SILENT, ("apid/main.py", listens, f"{listens}\n    import signal\n    signal.pause()\n"))


def unhealthy(folder: Path) -> Path:
    """The API answers, the kubelet is never healthy."""
    check = '"/healthz"'
    return build(folder, UNHEALTHY, ("machined/services/kubelet.py", check, '"/no-such-check"'))


def dead(folder: Path) -> Path:
    """PID 1 ends at once."""
    root = folder / "root"
    for name in ("sbin", "proc", "sys", "dev", "run", "system/state", "var", "tmp", "boot"):
        (root / name).mkdir(parents=True, exist_ok=True)
    source = folder / "init.c"
    source.write_text("int main(void) { return 1; }\n")
    subprocess.run(["cc", "-static", "-o", root / "sbin/init", source], check=True)
    image = folder / f"{DEAD}.squashfs"
    subprocess.run(["mksquashfs", root, image, "-noappend", "-quiet", "-no-progress", "-comp", "zstd"], check=True)
    payload.tag(image, DEAD)
    return image

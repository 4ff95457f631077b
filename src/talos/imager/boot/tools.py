"""Programs that a machine has and a container node has not, with their libraries, beside the modules."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from talos.imager import elf
from talos.imager.errors import ImageError
from talos.imager.python_tree import LIBRARIES


def copy(tools: Mapping[str, tuple[str, ...]], debs: Path, target: Path, root: Path) -> None:
    """Fills `target`/bin and `target`/lib. A library that is neither there nor in the root ends the build."""
    programs, libraries = target / "bin", target / "lib"
    programs.mkdir(parents=True)
    libraries.mkdir()
    for package, files in tools.items():
        for name in files:
            source = debs / package / name
            if not source.exists():
                raise ImageError(f"{package} has no {name}: check [tools] in os/boot.toml")
            program = "/sbin/" in f"/{name}" or "/bin/" in f"/{name}"
            copied = (programs if program else libraries) / source.name
            shutil.copyfile(source.resolve(), copied)
            copied.chmod(0o755 if program else 0o644)
    absent = []
    for path in sorted((*programs.iterdir(), *libraries.iterdir())):
        parsed = elf.read(path)
        for needed in parsed.needed if parsed else ():
            if not (libraries / needed).exists() and not (root / LIBRARIES / needed).exists():
                absent.append(f"{path.name} needs {needed}")
    if absent:
        raise ImageError(f"libraries missing, add their packages to [tools] in os/boot.toml: {'; '.join(absent)}")

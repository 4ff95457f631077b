"""The kernel of a flavour: its image, and the modules and firmware on the list of os/boot.toml.

Modules are stored unpacked: squashfs then finds what they share, and their signatures stay valid. Order and aliases are
those of depmod(8), for the modules that are there.
"""

from __future__ import annotations

import lzma
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from talos.imager.boot.recipe import BootRecipe, Flavour
from talos.imager.errors import ImageError, run


@dataclass(frozen=True)
class Kernel:
    """One kernel as Debian's package unpacks it."""

    image: Path
    release: str
    package: Path

    @property
    def folder(self) -> Path:
        return self.package / "usr/lib/modules" / self.release


def find(debs: Path, flavour: Flavour) -> Kernel:
    """The kernel of a flavour among the unpacked packages."""
    for package in sorted(debs.iterdir()):
        if re.fullmatch(flavour.kernel_pattern, package.name):
            (image,) = (package / "boot").glob("vmlinuz-*")
            return Kernel(image, image.name.removeprefix("vmlinuz-"), package)
    raise ImageError(f"os/boot.lock pins no kernel for the flavour {flavour.name}; run `make lock`")


def select(kernel: Kernel, recipe: BootRecipe, flavour: Flavour, work: Path) -> Path:
    """Fills `work`/lib/modules/RELEASE with the listed modules, what they depend on, and depmod's files."""
    needs = _dependencies(kernel, work / "all")
    prefixes = recipe.modules + flavour.modules
    wanted: set[str] = set()
    for path in needs:
        inside = path.removeprefix("kernel/")
        if inside.startswith(prefixes) and not inside.startswith(recipe.without):
            wanted |= {path, *needs[path]}
    for prefix in prefixes:
        if not any(path.startswith(f"kernel/{prefix}") for path in needs) and prefix in flavour.modules:
            raise ImageError(f"os/boot.toml: flavour {flavour.name}: no module begins with {prefix}")
    root = work / "selected"
    shutil.rmtree(root, ignore_errors=True)
    target = root / "lib/modules" / kernel.release
    for path in sorted(wanted):
        unpacked = target / path.removesuffix(".xz")
        unpacked.parent.mkdir(parents=True, exist_ok=True)
        unpacked.write_bytes(lzma.decompress((kernel.folder / path).read_bytes()))
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copyfile(kernel.folder / name, target / name)
    run(["depmod", "-b", root, kernel.release])
    return target


def _dependencies(kernel: Kernel, scratch: Path) -> dict[str, list[str]]:
    """Path of each module below its folder → paths of all it needs."""
    index = scratch / f"{kernel.package.name}.dep"
    if not index.exists():
        base = scratch / kernel.package.name
        shutil.rmtree(base, ignore_errors=True)
        (base / "lib").mkdir(parents=True)
        shutil.copytree(kernel.package / "usr/lib/modules", base / "lib/modules")
        run(["depmod", "-b", base, kernel.release])
        (base / "lib/modules" / kernel.release / "modules.dep").rename(index)
        shutil.rmtree(base)
    rows = (line.split(":", 1) for line in index.read_text().splitlines())
    return {path: needs.split() for path, needs in rows}


def copy_firmware(debs: Path, flavour: Flavour, modules: Path) -> None:
    """Fills `modules`/firmware with the listed files of the flavour's firmware packages."""
    for package in flavour.firmware:
        for base in (debs / package / "usr/lib/firmware", debs / package / "lib/firmware"):
            for pattern in flavour.firmware_files:
                for path in sorted(base.glob(pattern)):
                    target = modules / "firmware" / path.relative_to(base)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if path.is_symlink():
                        target.symlink_to(path.readlink())
                    elif path.is_file():
                        shutil.copyfile(path, target)


def load_order(modules: Path, names: tuple[str, ...]) -> list[tuple[Path, bool]]:
    """Files to load for these modules, dependencies first, and whether each may fail (names that begin with "-").

    A name that the kernel has built in needs nothing."""
    rows = [line.split(":", 1) for line in (modules / "modules.dep").read_text().splitlines()]
    needs = {path: list(reversed(after.split())) for path, after in rows}
    by_name = {_name(path): path for path in needs}
    built_in = {_name(line) for line in (modules / "modules.builtin").read_text().splitlines()}
    ordered: dict[Path, bool] = {}
    for word in names:
        optional, name = word.startswith("-"), word.removeprefix("-").replace("-", "_")
        if name in by_name:
            for path in (*needs[by_name[name]], by_name[name]):
                ordered.setdefault(modules / path, optional)
        elif name not in built_in and not optional:
            raise ImageError(f"os/boot.toml: the first stage needs the module {name}, which is not among the modules")
    return list(ordered.items())


def _name(path: str) -> str:
    return Path(path).name.split(".")[0].replace("-", "_")

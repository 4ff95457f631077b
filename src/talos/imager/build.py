"""The build from lock files to root.squashfs, one step after another, with a line of progress for each."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from talos.imager import (
    allowlist,
    assemble,
    components,
    debian,
    import_order,
    manifest,
    python_tree,
    recipe,
    sbom,
    squashfs,
    start_archive,
    wheels,
)
from talos.imager.errors import ImageError, run
from talos.imager.python_tree import LIBRARIES
from talos.imager.tree import Tree

CHECKOUT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Options:
    """What a build depends on beside the sources."""

    out: Path
    level: int = squashfs.LEVEL
    with_components: bool = True
    components: Path = CHECKOUT / "_out/components"
    source: Path = CHECKOUT / "os"
    package: Path = python_tree.OUR_PACKAGE


def build(options: Options) -> Path:
    """Builds everything and returns the image; what did not change since the last build is not done again."""
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"image: another build works in {options.out}; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(options)


def _build(options: Options) -> Path:
    say = _Progress()
    plan = recipe.load(options.source / "root.toml")
    pins = debian.read_lock(options.source / "packages.lock")
    wheel_pins = wheels.read_lock(options.source / "python.lock")
    if absent := sorted({*plan.package_names} - pins.keys()):
        raise ImageError(
            f"os/packages.lock does not pin {', '.join(absent)}, which os/root.toml names; run `make lock`"
        )
    if options.with_components and (absent := components.missing(options.components)):
        raise ImageError(
            f"components not built: {', '.join(absent)} (looked in {options.components}); run `make components`, "
            "or use --without-components for an image that cannot run Kubernetes"
        )
    work = options.out / "work"
    work.mkdir(parents=True, exist_ok=True)

    say("packages")
    debs = debian.fetch([pins[name] for name in plan.package_names])
    debian.unpack(debs, work / "debs")
    fetched = wheels.fetch(options.source / "python.lock")
    shutil.rmtree(work / "wheels", ignore_errors=True)
    wheels.unpack(fetched, work / "wheels")

    say("programs in C")
    sysroot = _sysroot(work, plan, debs)
    programs = work / "programs"
    for name in ("init", "launcher", "copy", "mount"):
        run(["make", "--silent", "-C", options.source / name, f"OUT={programs}", f"SYSROOT={sysroot}"])

    say("python modules")
    python_tree.collect(plan, work / "debs", work / "wheels", work / "python", options.package)
    image = options.out / "root.squashfs"
    inputs = _inputs(options, work / "python", programs)
    stamp = options.out / "inputs.sha256"
    if image.exists() and stamp.exists() and stamp.read_text() == inputs:
        say("unchanged", last=True)
        return image

    say("root")
    version = package_version(options.package)
    tree = Tree(work / "root")
    assemble.assemble(
        tree,
        plan,
        debs=work / "debs",
        stage=work / "python",
        sysroot=sysroot,
        programs=programs,
        built=options.components if options.with_components else None,
        version=version,
    )
    order = start_archive.pack(tree, *import_order.files(tree.root, sysroot))
    if options.with_components:
        complaints = allowlist.check(tree.root, allowlist.read(options.source / "executables.allow"))
        if complaints:
            raise ImageError("the image is not what os/executables.allow says:\n" + "\n".join(complaints))

    say(f"squashfs zstd -{options.level}")
    stamp.unlink(missing_ok=True)
    priorities = import_order.priorities(order)
    squashfs.pack(tree.root, image, options.level, version=version, priorities=priorities)

    say("manifest and bill of materials")
    described = manifest.describe(tree, image, options.level, pins, wheel_pins, version)
    (options.out / "manifest.json").write_text(json.dumps(described, indent=1) + "\n")
    go = [options.components / name for name in ("node", "shim", "runc", "cni")] if options.with_components else []
    bill = sbom.document(plan, pins, wheel_pins, go)
    (options.out / "sbom.spdx.json").write_text(json.dumps(bill, indent=1) + "\n")
    stamp.write_text(inputs)
    print(manifest.table(described))
    say(f"{image}: {described['bytes'] / 1e6:.1f} MB, sha256 {described['sha256'][:16]}…", last=True)
    return image


def package_version(package: Path) -> str:
    """The version that the image's own package says, which need not be that of the imager's."""
    text = (package / "versions.py").read_text()
    match = re.search(r'^TALOS_VERSION = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise ImageError(f"{package}/versions.py does not say TALOS_VERSION")
    return match[1]


class _Progress:
    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, text: str, last: bool = False) -> None:
        print(f"image {time.monotonic() - self.began:6.1f} s  {text}{'' if last else ' …'}", flush=True)


def _sysroot(work: Path, plan: recipe.Recipe, debs: dict[str, Path]) -> Path:
    """One merged tree of the packages: headers and libpython to link against, and an interpreter that compiles."""
    sysroot = work / "sysroot"
    wanted = sha256("\n".join(sorted(deb.name for deb in debs.values())).encode()).hexdigest()
    if (sysroot / ".stamp").exists() and (sysroot / ".stamp").read_text() == wanted:
        return sysroot
    shutil.rmtree(sysroot, ignore_errors=True)
    for name in plan.package_names:
        shutil.copytree(work / "debs" / name, sysroot, symlinks=True, dirs_exist_ok=True, copy_function=os.link)
    if not (sysroot / LIBRARIES / "libpython3.13.so.1.0").exists():
        raise ImageError("the Debian packages hold no libpython3.13.so.1.0: check os/root.toml")
    (sysroot / ".stamp").write_text(wanted)
    return sysroot


def _inputs(options: Options, stage: Path, programs: Path) -> str:
    """Digest of everything the image is made of."""
    total = sha256(f"{options.level} {squashfs.BLOCK} {squashfs.epoch()} {options.with_components}".encode())
    files = [
        p
        for folder in (stage, programs, Path(__file__).parent)
        for p in sorted(folder.rglob("*"))
        if p.suffix != ".pyc"
    ]
    files += [options.source / name for name in ("root.toml", "packages.lock", "python.lock", "executables.allow")]
    if options.with_components:
        files += [options.components / name for name in ("node", "shim", "runc", "cni", "pause")]
    for path in files:
        if path.is_file():
            with path.open("rb") as file:
                total.update(path.name.encode())
                for block in iter(lambda: file.read(1 << 20), b""):
                    total.update(block)
    return total.hexdigest()

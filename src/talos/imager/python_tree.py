"""The module path of the node: pruned standard library, third-party packages and our own, as sourceless .pyc.

Sourceless, because a .py beside it would be read by nothing and the source is public anyway; unchecked-hash, because
time stamps differ from build to build; optimize=2, because a node shows no docstring. Measured: smaller and faster to
start than a zip. One interpreter compiles everything in one process in sorted order with a fixed hash seed, so that the
bytes repeat. It is the image's own interpreter, run from the unpacked packages through their own dynamic linker: the
build host's Python is older and writes another format.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from talos.imager import elf
from talos.imager.errors import ImageError, run
from talos.imager.recipe import Recipe
from talos.imager.tree import Tree

MODULE_PATH = "usr/lib/talos/python"
OUR_PACKAGE = Path(__file__).parents[1]
NOT_ON_THE_NODE = ("talosctl", "imager", "provision")
LIBRARIES = "usr/lib/x86_64-linux-gnu"

COMPILE = """
import marshal, os, py_compile, sys
source, target = sys.argv[1:]
for folder, folders, files in os.walk(source):
    folders.sort()
    for name in sorted(files):
        if name.endswith(".py"):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, source)
            py_compile.compile(path, os.path.join(target, relative + "c"), "/{module_path}/" + relative, True, 2,
                               py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""


def collect(recipe: Recipe, debs: Path, wheels: Path, stage: Path, package: Path = OUR_PACKAGE) -> None:
    """Copies the .py and .so files that the node gets to `stage`, one module folder."""
    shutil.rmtree(stage, ignore_errors=True)
    for row in recipe.packages:
        if row.stdlib:
            _stdlib(recipe, debs / row.name / "usr/lib/python3.13", stage)
        for pattern in row.python:
            matches = sorted((debs / row.name / "usr/lib/python3/dist-packages").glob(pattern))
            if not matches:
                raise ImageError(f"{row.name} has no {pattern} in dist-packages: check os/root.toml")
            for match in matches:
                _copy(match, match.parent, stage, recipe.thirdparty_without)
    _copy(wheels, wheels, stage, recipe.thirdparty_without)
    for entry in sorted(package.iterdir()):
        if entry.name not in NOT_ON_THE_NODE:
            _copy(entry, package.parent, stage, frozenset())
    for module, soname in recipe.unused_libraries.items():
        elf.drop_needed(stage / module, soname)
    if not any((stage / "talos/api").glob("*_pb2.py")):
        raise ImageError("src/talos/api holds no generated modules: run `make api`")


def _excluded(module: str, without: frozenset[str]) -> bool:
    return module in without or any(module.startswith(prefix + ".") for prefix in without)


def _module(relative: Path) -> str:
    return ".".join((*relative.parts[:-1], relative.name.split(".")[0])).removesuffix(".__init__")


def _copy(source: Path, base: Path, stage: Path, without: frozenset[str]) -> None:
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    for file in files:
        relative = file.relative_to(base)
        if (
            file.suffix not in (".py", ".so")
            or "__pycache__" in relative.parts
            or _excluded(_module(relative), without)
        ):
            continue
        target = stage / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _stdlib(recipe: Recipe, source: Path, stage: Path) -> None:
    for file in sorted(source.rglob("*")):
        relative = file.relative_to(source)
        if relative.parts[0] == "lib-dynload":  # one folder for all: half the look-ups of every import
            relative = Path(*relative.parts[1:])
        if not relative.parts or file.is_dir() or file.suffix not in (".py", ".so"):
            continue
        if _excluded(_module(relative), recipe.stdlib_without) or "__pycache__" in relative.parts:
            continue
        if relative.parts[0] == "encodings" and file.stem not in recipe.encodings:
            continue
        target = stage / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def compile_into(stage: Path, sysroot: Path, tree: Tree) -> None:
    """Compiles `stage` and adds the result to the tree."""
    compiled = stage.parent / (stage.name + ".pyc")
    shutil.rmtree(compiled, ignore_errors=True)
    script = stage.parent / "compile.py"
    script.write_text(COMPILE.replace("{module_path}", MODULE_PATH))
    run(
        [
            sysroot / LIBRARIES / "ld-linux-x86-64.so.2",
            "--library-path",
            sysroot / LIBRARIES,
            sysroot / "usr/bin/python3.13",
            "-s",
            "-S",
            script,
            stage,
            compiled,
        ],
        env={"PYTHONHOME": str(sysroot / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    for file in sorted(compiled.rglob("*.pyc")):
        _add(tree, file, file.relative_to(compiled))
    for file in sorted(stage.rglob("*.so")):
        _add(tree, file, file.relative_to(stage))


def _add(tree: Tree, file: Path, relative: Path) -> None:
    top = relative.parts[0].split(".")[0]
    third_party = {
        "cryptography",
        "_cffi_backend",
        "google",
        "grpclib",
        "h11",
        "h2",
        "hpack",
        "hyperframe",
        "msgspec",
        "multidict",
        "yaml",
        "_yaml",
    }
    part = "talos" if top == "talos" else "python packages" if top in third_party else "python standard library"
    tree.file(f"{MODULE_PATH}/{relative}", file, part)

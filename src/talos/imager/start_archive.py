"""Puts the modules that a node's start imports into one file (`talos.zygote.archive` reads it), instead of one each.

With them go the regular expressions that they compile as they are imported, compiled: an eighth of the start's imports.

Left as files: extension modules, which the dynamic linker opens; the services' `main`, which tests replace.
"""

from __future__ import annotations

import marshal
from pathlib import Path

from talos.imager.import_order import Pattern
from talos.imager.python_tree import MODULE_PATH
from talos.imager.tree import Tree
from talos.zygote.archive import HEADER, NAME

PYC_HEADER = 16
"""bytes before the code in a .pyc (PEP 552)"""
BEFORE = ("encodings/", "__future__.pyc", "talos/__init__.pyc", "talos/zygote/__init__.pyc", "talos/zygote/archive.pyc")
"""imported before it is read"""


def pack(tree: Tree, order: list[str], patterns: list[Pattern] | None = None) -> list[str]:
    """Moves the modules of `order` (paths below the root, as import_order tells them) into the archive, and `patterns`
    with them. Returns the order in which files are read then."""
    taken: list[str] = []
    left: list[str] = []
    for path in order:
        (taken if _belongs(path.removeprefix(f"{MODULE_PATH}/")) else left).append(path)
    index: dict[str, tuple[int, int, int]] = {}
    codes = bytearray()
    for path in taken:
        relative = Path(path).relative_to(MODULE_PATH).with_suffix("")
        package = relative.name == "__init__"
        name = ".".join(relative.parts[:-1] if package else relative.parts)
        code = (tree.root / path).read_bytes()[PYC_HEADER:]
        index[name] = (len(codes), len(code), int(package))
        codes += code
        tree.remove(path)
    # Version 2 has no references between equal objects: the bytes depend on nothing but the values.
    described = marshal.dumps((index, patterns or []), 2)
    archive = f"{MODULE_PATH}/{NAME}"
    tree.data(archive, len(described).to_bytes(HEADER, "little") + described + bytes(codes), "python start archive")
    before = [path for path in left if path.removeprefix(f"{MODULE_PATH}/").startswith(BEFORE)]
    return [*before, archive, *(path for path in left if path not in before)]


def _belongs(module: str) -> bool:
    return (
        module.endswith(".pyc")
        and not module.startswith(BEFORE)
        and not (module.startswith("talos/") and module.endswith("/main.pyc"))
    )

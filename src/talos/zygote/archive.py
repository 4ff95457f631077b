"""Imports out of one file: what a node's start imports, without a search for each module.

Python's own finder asks the file system several times for each of some 600 modules, in Python code: a quarter of what
the start's imports cost (decision 0027). The imager writes the archive (`talos.imager.start_archive`) and leaves the
modules in it out of the folder. Whatever is not in it is found as ever: extension modules, and what is imported later.
`talos.state.discovery`, which lists the modules of a package, asks for those in the archive.

Read with pread(2) and not mapped: pages of a mapping would be counted to each process that forks from this one.
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec

TYPE_CHECKING = False  # typing's own would be imported for it, before there is an archive
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any

NAME = "start.modules"
FOLDER = "/usr/lib/talos/python"
HEADER = 8
"""bytes: the length of the index, little-endian. The index is marshalled: a dict, module → (offset behind the index,
length of the marshalled code, 1 for a package), and a list of regular expressions (Pattern of
talos.imager.import_order)."""
COMPILER = "re._compiler"


class Archive:
    """Finder and loader of sys.meta_path. An archive that is not there holds nothing; OSError, ValueError, EOFError: it
    cannot be read."""

    def __init__(self, folder: str = FOLDER) -> None:
        self._folder = folder
        self._index: dict[str, tuple[int, int, int]] = {}
        self._patterns: dict[tuple[str | bytes, int], tuple[Any, ...]] = {}
        self._children: dict[str, dict[str, bool]] = {}
        self._base = 0
        try:
            length = int.from_bytes(self._read(HEADER, 0), "little")
        except FileNotFoundError:
            return
        self._base = HEADER + length
        self._index, patterns = marshal.loads(self._read(length, HEADER))
        self._patterns = dict(patterns)

    def install(self) -> None:
        """Asked before the file system from now on."""
        if self._index:
            sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """None: somebody else may have it."""
        found = self._index.get(name)
        if found is None:
            return None
        place = f"{self._folder}/{name.replace('.', '/')}"
        origin = f"{place}/__init__.pyc" if found[2] else f"{place}.pyc"
        spec = ModuleSpec(name, self, origin=origin)  # type: ignore[arg-type]  # a loader by its methods
        spec.has_location = True
        if found[2]:
            spec.submodule_search_locations = [place]
        return spec

    def children(self, package: str) -> dict[str, bool]:
        """Modules right below a package: full name, and whether it is a package."""
        if not self._children:
            for name, found in self._index.items():
                self._children.setdefault(name.rpartition(".")[0], {})[name] = bool(found[2])
        return self._children.get(package, {})

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Python makes it."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code in it."""
        exec(self.get_code(module.__name__), module.__dict__)
        if module.__name__ == COMPILER:
            self._hand_out_patterns(module)

    def _hand_out_patterns(self, compiler: ModuleType) -> None:
        """Regular expressions that were compiled when the image was built, by the same interpreter. Each once: `re`
        keeps what it was given, and those of the start are asked for once."""
        compile_, sre, known = compiler.compile, compiler._sre, self._patterns

        def compile(pattern: Any, flags: int = 0) -> Any:
            made = known.pop((pattern, flags), None) if isinstance(pattern, str | bytes) else None
            return compile_(pattern, flags) if made is None else sre.compile(pattern, *made)

        setattr(compiler, "compile", compile)  # noqa: B010  (a module's, unknown to the type checker)

    def get_code(self, name: str) -> CodeType:
        """KeyError: it is not here."""
        offset, length, _ = self._index[name]
        code: CodeType = marshal.loads(self._read(length, self._base + offset))
        return code

    def _read(self, length: int, offset: int) -> bytes:
        """Opened each time: a service inherits no descriptor."""
        file = os.open(f"{self._folder}/{NAME}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(file, length, offset)
        finally:
            os.close(file)


def install() -> None:
    """Called by the launcher before anything else is imported."""
    Archive().install()

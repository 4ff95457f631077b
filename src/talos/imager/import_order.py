"""In which order a node reads its modules at its start, so that they lie in the image one behind the other.

squashfs packs small files together, a block full at a time, and the kernel keeps three such fragments unpacked. In the
order of their names the modules lie where the next import is hardly ever: a start unpacked the same fragments again and
again, 0.23 s of 1.2 s until the API answers, for 8 MB. In the order of the imports it is 0.06 s.

The image's own interpreter tells the order, out of the assembled root. It is a matter of speed only: a module that is
read at another moment is found all the same.
"""

from __future__ import annotations

import marshal
from pathlib import Path

from talos.imager.errors import run
from talos.imager.python_tree import LIBRARIES, MODULE_PATH

NOTING = """
import re._compiler
class Patterns:  # notes what re hands to _sre.compile for each pattern that is asked for
    def __init__(self, module, sre):
        self.made, self.asked, self.plain, self.sre = {}, None, module.compile, sre
        module.compile, module._sre = self.ask, self
    def __getattr__(self, name):
        return getattr(self.sre, name)
    def ask(self, pattern, flags=0):
        self.asked = (pattern, int(flags)) if isinstance(pattern, (str, bytes)) else None
        return self.plain(pattern, flags)
    def compile(self, pattern, *parts):
        if self.asked:
            self.made[self.asked] = (int(parts[0]), [int(n) for n in parts[1]], *parts[2:])
        return self.sre.compile(pattern, *parts)
patterns = Patterns(re._compiler, re._compiler._sre)
"""
"""makes `patterns.made`: what `re` compiles from here on, as _sre.compile is given it"""
SCRIPT = """
import sys
sys.path[:] = [sys.argv[1]]
@NOTING@
import importlib, pkgutil
from talos.zygote import services
def load(name):
    try:
        return importlib.import_module(name)
    except BaseException:  # a test's image may be broken on purpose
        return None
def whole(package):
    for module in pkgutil.walk_packages(load(package).__path__, package + "."):
        load(module.name)
load("talos.zygote.supervisor")
for name in (*services.CORE, *(s.module for s in services.SERVICES if s.imports_itself)):
    load(name)
for package in ("talos.controllers", "talos.machined.api"):
    whole(package)
for name in (*services.PRELOAD, *services.SHARING):
    load(name)
import marshal
print(marshal.dumps(list(patterns.made.items()), 2).hex())
print(*sys.modules, sep="\\n")
"""
ENDS = (".pyc", "/__init__.pyc", ".cpython-313-x86_64-linux-gnu.so", ".abi3.so", ".so")
FIRST, STEP = 30_000, 10
"""priorities of mksquashfs: higher comes first, 0 is everybody else's, 32,767 the highest"""


Pattern = tuple[tuple[str | bytes, int], tuple[int, list[int], int, dict[str, int], tuple[str | None, ...]]]
"""(expression, flags), and what _sre.compile makes of it: flags, code, groups, number by name, name by number"""


def files(root: Path, sysroot: Path) -> tuple[list[str], list[Pattern]]:
    """Paths below `root` of the modules that the node's start imports, in that order, and the regular expressions that
    they compile meanwhile. ImageError."""
    folder = root / MODULE_PATH
    libraries = root / LIBRARIES
    command: list[str | Path] = [
        sysroot / LIBRARIES / "ld-linux-x86-64.so.2",
        "--library-path",
        f"{libraries}:{sysroot / LIBRARIES}",
        sysroot / "usr/bin/python3.13",
        "-s",
        "-S",
        "-c",
        SCRIPT.replace("@NOTING@", NOTING),
        folder,
    ]
    said = run(command, env={"PYTHONHOME": str(sysroot / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"})
    patterns, *modules = said.split()
    names = (name.replace(".", "/") for name in modules)
    found = (folder / f"{name}{end}" for name in names for end in ENDS)
    return [str(path.relative_to(root)) for path in found if path.is_file()], marshal.loads(bytes.fromhex(patterns))


def priorities(paths: list[str]) -> str:
    """A sort file of mksquashfs(1): the first of the paths first, all of them before the rest."""
    step = min(STEP, FIRST // max(1, len(paths)))
    return "".join(f"{path} {FIRST - step * number}\n" for number, path in enumerate(paths))

"""Kernel modules: which one a device wants (modules.alias), what it needs (modules.dep, modules.softdep), loading.

A loader of our own, because the image holds no modprobe: three text files as depmod(8) writes them and finit_module(2).
The files are read where they are needed and not kept: the aliases of a generic kernel are two megabytes that one pass
at start and one for a device plugged in later use for milliseconds.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from talos.kernel_arguments import KernelArguments
from talos.linux.libc import check, libc

_SYS_FINIT_MODULE = {"x86_64": 313, "aarch64": 273}
_COMPRESSED = 4  # MODULE_INIT_COMPRESSED_FILE
_SUFFIX = re.compile(r"\.ko(\.(xz|zst|gz))?$")
_OFF_BUS = ("devices/system", "class/input", "class/dmi")
_WILD = re.compile(r"[*?[]")


def canonical(name: str) -> str:
    """A module's name: dashes are underscores to the kernel."""
    return _SUFFIX.sub("", name.rpartition("/")[2]).replace("-", "_")


class ModuleTree:
    """The modules of one kernel, by default the running one."""

    def __init__(self, root: Path = Path("/"), arguments: KernelArguments | None = None, release: str = "") -> None:
        self.folder = root / "lib/modules" / (release or os.uname().release)
        self._root = root
        self._arguments = arguments or KernelArguments()

    def _lines(self, name: str) -> Iterator[str]:
        try:
            with (self.folder / name).open() as file:
                yield from (line.rstrip("\n") for line in file if not line.startswith("#"))
        except FileNotFoundError:
            return

    def wanted_by(self, modaliases: Iterable[str]) -> dict[str, list[str]]:
        """Modalias → modules in the order of the file; a modalias that nothing matches is left out."""
        by_bus: dict[str, list[str]] = {}
        for alias in set(modaliases):
            by_bus.setdefault(alias.partition(":")[0], []).append(alias)
        found: dict[str, list[str]] = {}
        for line in self._lines("modules.alias"):
            _, pattern, module = line.split(" ", 2)
            for alias in by_bus.get(pattern.partition(":")[0], ()):
                # Few patterns get past their first letters, and a pattern costs more to compile than all of this.
                if alias.startswith(_WILD.split(pattern, maxsplit=1)[0]) and fnmatch.fnmatchcase(alias, pattern):
                    found.setdefault(alias, []).append(module)
        return found

    def named(self, name: str) -> list[str]:
        """Modules that a name means: itself, or those with an alias of that name (fs-vfat, nls_cp437)."""
        wanted = canonical(name)
        if any(canonical(line.partition(":")[0]) == wanted for line in self._lines("modules.dep")):
            return [wanted]
        aliases = (line.split(" ", 2) for line in self._lines("modules.alias"))
        return [module for _, pattern, module in aliases if pattern.replace("-", "_") == name.replace("-", "_")]

    def order(self, names: Iterable[str]) -> list[Path]:
        """Files to load for modules, what they need first. Names without a file (built in) are left out."""
        needed: dict[str, tuple[str, list[str]]] = {}
        for line in self._lines("modules.dep"):
            path, _, rest = line.partition(":")
            needed[canonical(path)] = (path, [canonical(one) for one in rest.split()])
        soft = self._soft()
        found: dict[str, Path] = {}
        entered: set[str] = set()

        def add(name: str) -> None:
            if name in entered or name not in needed:
                return
            entered.add(name)
            path, hard = needed[name]
            before, after = soft.get(name, ((), ()))
            for one in (*before, *reversed(hard)):
                add(one)
            found[name] = self.folder / path
            for one in after:
                add(one)

        for name in names:
            add(canonical(name))
        return list(found.values())

    def _soft(self) -> dict[str, tuple[list[str], list[str]]]:
        found: dict[str, tuple[list[str], list[str]]] = {}
        for line in self._lines("modules.softdep"):
            words = line.split()
            if len(words) < 3 or words[0] != "softdep":
                continue
            lists: dict[str, list[str]] = {"pre:": [], "post:": []}
            current: list[str] = []
            for word in words[2:]:
                current = lists.get(word, current)
                if word not in lists:
                    current.append(canonical(word))
            found[canonical(words[1])] = (lists["pre:"], lists["post:"])
        return found

    def parameters(self, name: str, given: Iterable[str] = ()) -> str:
        """Parameters of a module: those on the kernel's command line (name.parameter=value), then `given`."""
        prefix = f"{canonical(name)}."
        words = [
            f"{word.removeprefix(prefix)}={value}" if value else word.removeprefix(prefix)
            for word, value in self._arguments.words
            if word.startswith(prefix)
        ]
        return " ".join([*words, *given])

    def loaded(self) -> set[str]:
        """Names of modules that are in the kernel, built-in ones with parameters included."""
        folder = self._root / "sys/module"
        return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()

    def _is_coming(self, name: str) -> bool:
        """Whether somebody else is loading it right now: who asks for the same then waits in the kernel."""
        try:
            return (self._root / "sys/module" / name / "initstate").read_text().strip() == "coming"
        except OSError:
            return False

    def refused(self) -> set[str]:
        """Modules that the command line forbids to load by themselves (modprobe.blacklist=)."""
        lists = self._arguments.values("modprobe.blacklist")
        return {canonical(name) for names in lists for name in names.split(",") if name}

    def load(self, names: Iterable[str], parameters: Mapping[str, Iterable[str]] | None = None) -> list[str]:
        """Load modules and what they need; returns the names that were not there before. OSError names the one that
        the kernel refused; those before it stay."""
        present = self.loaded()
        new = []
        for path in self.order(names):
            name = canonical(path.name)
            if name in present and not self._is_coming(name):
                continue
            if finit_module(path, self.parameters(name, (parameters or {}).get(name, ()))):
                new.append(name)
        return new

    def load_willing(self, names: Iterable[str]) -> bool:
        """The same for modules of which some may not find what they drive: each for itself, the files read once.
        Returns whether there was anything to load."""
        present = self.loaded()
        new = False
        for path in self.order(names):
            name = canonical(path.name)
            if name not in present or self._is_coming(name):
                new = True
                with contextlib.suppress(OSError):
                    finit_module(path, self.parameters(name))
        return new


def finit_module(path: Path, parameters: str) -> bool:
    """Load one file; False when it is there already. OSError."""
    flags = 0 if path.suffix == ".ko" else _COMPRESSED
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        result = libc().syscall(_SYS_FINIT_MODULE[os.uname().machine], fd, parameters.encode(), flags)
        check(result, "finit_module", str(path))
    except OSError as error:
        if error.errno == errno.EEXIST:
            return False
        raise
    finally:
        os.close(fd)
    return True


def modaliases(sysfs: Path) -> set[str]:
    """Of every device that there is (Documentation/ABI: a file `modalias` beside its uevent). Each is on a bus, of
    the system (processors) or, as those for input, of a class; below /sys/devices are ten times as many folders."""
    found = set()
    for folder in (*_folders(f"{sysfs}/bus", "/devices"), *(f"{sysfs}/{others}" for others in _OFF_BUS)):
        for device in _folders(folder):
            try:
                with open(f"{device}/modalias", errors="replace") as file:  # noqa: PTH123  (hundreds of paths a start)
                    found.add(file.read().strip())
            except OSError:
                continue  # it has none, or went away
    found.discard("")
    return found


def _folders(folder: str, below: str = "") -> list[str]:
    with contextlib.suppress(OSError):
        return [f"{folder}/{name}{below}" for name in os.listdir(folder)]  # noqa: PTH208
    return []

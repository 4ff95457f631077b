"""The beginning of a machine's start, in the zygote before it forks: drivers of disks, then the system's partitions.

Before the fork, because every service opens its log below /var, which is EPHEMERAL from here on. A machine that is not
installed, or whose disk cannot be used, goes on from its medium in memory and says so.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from talos.kernel_arguments import KernelArguments
from talos.linux.gpt import TableError
from talos.linux.modules import ModuleTree, modaliases
from talos.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, mounted_at
from talos.machined.disk import layout, system_disk
from talos.machined.disk.filesystem import FormatError
from talos.slots.booted import booted_entry

RECORD = Path("/run/machined/system-disk.json")
FILE_SYSTEMS = ("efivarfs", "xfs", "nls_cp437", "nls_ascii", "vfat")
"""what mount(2) would ask the modprobe of other systems for; ascii is the character set of Debian's kernels for FAT"""
EFI_VARIABLES = Path("/sys/firmware/efi/efivars")
_ROUNDS = 8
_APPEAR_S = 15.0


def prepare(say: Callable[[str], None]) -> None:
    """Never raises: without its disk a machine can still be asked why."""
    if RECORD.exists():
        return  # the zygote was started again
    try:
        load_drivers()
        disk = _wait_for_disk()
        if disk is None:
            say("no system disk: this machine is not installed")
            return
        disk = system_disk.complete(disk)
        for problem in system_disk.mount_all(disk):
            say(problem)
        RECORD.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        RECORD.write_text(json.dumps({"disk": str(disk.path), "meta": str(disk.device(layout.META))}))
        say(f"system disk {disk.path}")
    except (OSError, TableError, FormatError) as error:
        say(f"the system disk cannot be used: {error}")


def load_drivers() -> None:
    """Modules for all devices that there are, and for the file systems: the mount helper of other systems has none."""
    tree = ModuleTree(arguments=KernelArguments(Path("/proc/cmdline").read_text()))
    tried: set[str] = set()
    for _ in range(_ROUNDS):
        aliases = modaliases(Path("/sys")) - tried
        if not aliases:
            break
        tried |= aliases
        for name in sorted({name for found in tree.wanted_by(aliases).values() for name in found}):
            with contextlib.suppress(OSError):  # a driver that refuses its device is the controllers' to report
                tree.load([name])
    for name in FILE_SYSTEMS:
        with contextlib.suppress(OSError):
            tree.load([name])
    # A module in Debian's kernels, so the first stage could not mount it: what the boot loader tells is read there.
    if EFI_VARIABLES.is_dir() and mounted_at(EFI_VARIABLES) is None:
        with contextlib.suppress(OSError):
            mount("efivarfs", EFI_VARIABLES, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _wait_for_disk() -> system_disk.SystemDisk | None:
    """A disk that the loader booted from is there, though its driver may need a moment to show it."""
    from os import environ

    deadline = time.monotonic() + (_APPEAR_S if booted_entry(environ) is not None else 0.0)
    while (found := system_disk.find()) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def record() -> dict[str, str]:
    """disk and meta: what `prepare` mounted; empty on a machine that is not installed, and in a container."""
    try:
        found = json.loads(RECORD.read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()}

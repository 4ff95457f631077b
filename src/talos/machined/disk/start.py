"""The beginning of a machine's start, in a child of the zygote: drivers of disks, then the system's partitions.

The zygote imports meanwhile, and every service waits for it: its log is opened below /var, which is EPHEMERAL from
here on. A machine that is not installed, or whose disk cannot be used, goes on from its medium in memory and says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from talos.controllers.block import started
from talos.kernel_arguments import KernelArguments
from talos.linux.block import partition_path
from talos.linux.gpt import ENTRIES, TableError
from talos.linux.modules import ModuleTree, canonical, modaliases
from talos.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, mounted_at
from talos.machined.disk import layout, system_disk, volumes
from talos.slots.booted import booted_entry

RECORD = Path(started.RECORD)
WIPE, WIPED = "talos.experimental.wipe", RECORD.with_name("wiped")
"""a word of the kernel's command line, told without an import; and that it was carried out"""
FILE_SYSTEMS = ("efivarfs", "xfs", "nls_cp437", "nls_ascii", "vfat")
"""what mount(2) would ask the modprobe of other systems for; ascii is the character set of Debian's kernels for FAT"""
FIREWALL = ("nf_tables", "nft_ct", "nft_limit", "nft_reject_inet")
"""nft(8) fails without them, and networkd, which runs it, may not load modules"""
EFI_VARIABLES = Path("/sys/firmware/efi/efivars")
CHECKSUMS = ("crc32",)
"""XFS takes the fastest one there is when its module is loaded"""
_ROUNDS = 8
_APPEAR_S = 15.0


def prepare(say: Callable[[str], None], ready: Callable[[], None]) -> None:
    """Never raises: without its disk a machine can still be asked why. ready: services may start."""
    if RECORD.exists():
        return  # the zygote was started again
    drivers = Drivers()
    try:
        drivers.load()
        disk = _wait_for_disk()
        if disk is not None and WIPE in drivers.arguments.text:
            disk = _wiped(disk, drivers.arguments, say)
        if disk is None:
            say("no system disk: this machine is not installed")
            return
        disk = system_disk.complete(disk)
        states = _bring_up(disk, say)
        RECORD.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = {"disk": str(disk.path), "meta": str(disk.device(layout.META)), "volumes": states}
        RECORD.write_text(json.dumps(found))
        say(f"system disk {disk.path}")
    except (OSError, TableError) as error:
        say(f"the system disk cannot be used: {error}")
    finally:
        ready()
        drivers.load_for_networkd()


def _wiped(
    disk: system_disk.SystemDisk, arguments: KernelArguments, say: Callable[[str], None], wiped: Path = WIPED
) -> system_disk.SystemDisk | None:
    """The disk once the kernel argument is carried out, None where no system is left on it. Once a boot: the zygote may
    be started again, and what lies there then is new."""
    from talos.machined.disk import wipe_argument
    from talos.machined.disk.reset import WipeError

    value = arguments.last(wipe_argument.ARGUMENT)
    if not value or wiped.exists():
        return disk
    wiped.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    wiped.touch()
    try:
        say(wipe_argument.carry_out(value, disk))
    except (ValueError, WipeError) as error:
        say(str(error))
        return disk
    return None if value == wipe_argument.SYSTEM else disk


def _bring_up(disk: system_disk.SystemDisk, say: Callable[[str], None]) -> dict[str, Any]:
    """What became of each volume, from a child: keys, and the library that reads headers (anybody may have written
    them), stay out of the process that all services are forked from. A fault there is a sentence here."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            with os.fdopen(write, "w") as answer:
                answer.write(json.dumps(started.encode(volumes.BringUp(disk).run())))
            os._exit(0)
        except BaseException as error:
            say(f"the volumes of {disk.path}: {type(error).__name__}: {error}")
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    try:
        states: dict[str, Any] = json.loads(text)
    except ValueError:
        number = os.waitstatus_to_exitcode(status)
        how = f"was ended by {signal.Signals(-number).name}" if number < 0 else "failed"
        problem = f"STATE is not mounted: the process that opens the volumes of {disk.path} {how}"
        states = {layout.STATE: {"problem": problem}}
    for name, state in states.items():
        for sentence in (state.get("problem"), *(f"{name}: {failed}" for failed in state.get("failed_syncs", ()))):
            if sentence:
                say(sentence)
    return states


class Drivers:
    """Modules for the devices that there are. A driver that refuses its device is the controllers' to report
    (talos.controllers.runtime.devices_status); theirs are also processors' modules, but for those that a file system
    would do without for good if they came after it."""

    def __init__(self) -> None:
        self.arguments = KernelArguments(Path("/proc/cmdline").read_text())
        self._tree = ModuleTree(arguments=self.arguments)

    def load(self) -> None:
        """What disks hang on, and the file systems: the mount helper of other systems has none."""
        tried: set[str] = set()
        for _ in range(_ROUNDS):
            aliases = modaliases(Path("/sys")) - tried
            tried |= aliases
            names = {
                name for alias, found in self._tree.wanted_by(aliases).items() for name in found
                if not alias.startswith("cpu:") or canonical(name).startswith(CHECKSUMS)
            }  # fmt: skip
            if not self._tree.load_willing(sorted(names)):
                break
        self._tree.load_willing(FILE_SYSTEMS)
        # A module in Debian's kernels, so the first stage could not mount it: what the boot loader tells is read there.
        if EFI_VARIABLES.is_dir() and mounted_at(EFI_VARIABLES) is None:
            with contextlib.suppress(OSError):
                mount("efivarfs", EFI_VARIABLES, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC)

    def load_for_networkd(self) -> None:
        """No disk needs them; networkd waits for them."""
        self._tree.load_willing(FIREWALL)


def _wait_for_disk() -> system_disk.SystemDisk | None:
    """A disk that the loader booted from is there, though its driver may need a moment to show it."""
    from os import environ

    deadline = time.monotonic() + (_APPEAR_S if booted_entry(environ) is not None else 0.0)
    while (found := system_disk.find()) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def record() -> dict[str, Any]:
    """disk and meta: what `prepare` mounted; empty on a machine that is not installed, and in a container."""
    return started.load(RECORD)


def problem(volume: str) -> str:
    """Why a volume of the system disk is not there, "" if it is, or if there is no such disk."""
    found = started.volumes(RECORD).get(volume)
    return found.problem if found else ""


def elsewhere() -> dict[str, Path]:
    """Partitions of volumes that lie on other disks than the system's, by name."""
    system = Path(record().get("disk", ""))
    found = {name: Path(state.partition) for name, state in started.volumes(RECORD).items() if state.partition}
    here = {partition_path(system, number) for number in range(1, ENTRIES + 1)}
    return {name: path for name, path in found.items() if path not in here}

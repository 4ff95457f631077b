"""Installation to a disk: partitions, boot loader, slot A, STATE with the configuration that asked for it.

STATE is encrypted before anything is written to it, if the configuration wants that: META then says how to open it.

The medium that runs is the source: its EFI system partition holds boot loader, settings and unified kernel image. The
disk counts as installed when its EFI partition gets its name, which is the last write; power that is lost before leaves
a disk on which the next attempt begins anew, and the medium boots again.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, field

from talos.config.view.model import Encryption
from talos.linux import gpt
from talos.linux.block import mounted_below, partition_path
from talos.linux.cryptsetup import Cost
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, umount
from talos.machined.disk import encryption, filesystem, layout, luks
from talos.machined.disk.content import EDGE, foreign
from talos.machined.disk.encryption import Keys
from talos.machined.disk.meta_store import STATE_ENCRYPTION, PartitionStore
from talos.slots import payload
from talos.slots.entry import Entry
from talos.slots.folder import BOOTS, LINUX

log = logging.getLogger("machined.disk")

STRICT = MS_NOSUID | MS_NODEV | MS_NOEXEC
_HEADER = luks.AREA
"""what an encrypted volume of before is opened with lies in it, secrets that it kept cannot be had without"""


class InstallError(Exception):
    """The disk is not installed to; the text says why, and what to do."""


class Plan(Struct, frozen=True):
    """What to install. files: path on the EFI partition → source; the image goes to slot A under its own version."""

    disk: Path
    image: Path
    files: dict[str, Path]
    state: Path
    """folder whose content becomes STATE's: the configuration that asked for it, and what belongs to it"""
    wipe: bool = False
    efi_kind: str = "vfat"
    encryption: Encryption | None = None
    """of STATE; EPHEMERAL is made at the first start, as the configuration says that lies on STATE then"""
    ephemeral: bool = True
    """make its partition now, with all the room that there is; else the first start places it"""
    keys: Keys = field(default_factory=Keys)
    cost: Cost | None = None


def check(plan: Plan) -> None:
    """Everything that can be known before the disk is touched. InstallError."""
    check_disk(plan.disk, wipe=plan.wipe, ephemeral=plan.ephemeral)
    try:
        version = payload.read(plan.image).version
    except (OSError, payload.PayloadError) as error:
        raise InstallError(str(error)) from error
    log.info("%s is to be installed to %s", version, plan.disk)


def check_disk(path: Path, *, wipe: bool, ephemeral: bool = True) -> None:
    """Whether a disk may be taken; `ephemeral`: with room for that. InstallError."""
    needed = layout.SMALLEST if ephemeral else layout.SMALLEST_SYSTEM
    if in_use := mounted_below(path):
        raise InstallError(f"{path} is in use: {', '.join(in_use)}")
    try:
        with OpenDisk(path) as disk:
            if disk.size < needed:
                raise InstallError(f"{path} has {disk.size >> 20} MiB, a system disk needs {needed >> 20} MiB")
            if not wipe and (found := foreign(disk)):
                raise InstallError(
                    f"{path} holds {found}: name another disk, or allow to wipe it (machine.install.wipe: true)"
                )
    except OSError as error:
        raise InstallError(str(error)) from error


def install(plan: Plan, say: Callable[[str], None] = log.info) -> None:
    """InstallError; the disk is then not installed."""
    check(plan)
    try:
        with OpenDisk(plan.disk, writable=True) as disk:
            _install(plan, disk, say)
    except (
        OSError, gpt.TableError, filesystem.FormatError, filesystem.VolumeError, payload.PayloadError,
    ) as error:  # fmt: skip
        raise InstallError(f"{plan.disk} is not installed: {error}") from error


def _install(plan: Plan, disk: OpenDisk, say: Callable[[str], None]) -> None:
    say(f"partitioning {plan.disk}")
    for old in gpt.found(disk.read, disk.size):
        for partition in old.partitions:  # what was there must not be found again through an old superblock
            disk.wipe(partition.first * old.sector, min(_HEADER, partition.sectors * old.sector))
    disk.wipe(0, EDGE)
    disk.wipe(disk.size - EDGE, EDGE)
    table = layout.begun(gpt.new(disk.sectors, disk.sector), ephemeral=plan.ephemeral)
    for partition in table.partitions:
        disk.wipe(partition.first * disk.sector, min(EDGE, partition.sectors * disk.sector))
    disk.write_table(table)
    device = {p.name: partition_path(plan.disk, p.number) for p in table.partitions}
    say("making file systems")
    filesystem.make(device[layout.UNFINISHED], plan.efi_kind, layout.EFI)
    if plan.encryption is not None:
        luks.make(device[layout.STATE], layout.STATE, plan.encryption, plan.keys, plan.cost)
        PartitionStore(device[layout.META]).save({STATE_ENCRYPTION: encryption.encode(plan.encryption)})
    say("writing the system")
    with mounted(device[layout.UNFINISHED], plan.efi_kind) as efi:
        _copy_system(plan, efi)
    say("writing the configuration")
    with _opened(plan, device[layout.STATE]) as (clear, volume):
        filesystem.make(clear, "xfs", layout.STATE)
        if plan.encryption is not None:
            luks.formatted(device[layout.STATE], layout.STATE)
        with mounted(clear, "xfs") as state:
            state.chmod(0o700)
            shutil.copytree(plan.state, state, dirs_exist_ok=True)
            if plan.encryption is not None:
                made = encryption.Remembered(volume, plan.keys.fingerprint(), plan.encryption)
                encryption.remember(state, {layout.STATE: made})
    os.sync()
    disk.write_table(layout.finished(table))
    say(f"{plan.disk} is installed")


@contextmanager
def _opened(plan: Plan, state: Path) -> Iterator[tuple[Path, str]]:
    """STATE in clear and the UUID of its header, for the block."""
    if plan.encryption is None:
        yield state, ""
        return
    opened = luks.open_volume(state, layout.STATE, plan.encryption, plan.keys)
    try:
        yield opened.device, opened.uuid
    finally:
        luks.close_volume(layout.STATE)


def _copy_system(plan: Plan, efi: Path) -> None:
    (efi / "loader").mkdir(exist_ok=True)
    for name, source in plan.files.items():
        target = efi / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    entry = Entry("A", payload.read(plan.image).version, BOOTS)
    target = efi / LINUX / entry.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(plan.image, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    payload.verify(target)


@contextmanager
def mounted(device: Path, kind: str, where: Path = Path("/run/machined/install")) -> Iterator[Path]:
    """A file system at a place of our own, for the block."""
    where.mkdir(parents=True, exist_ok=True)
    mount(str(device), where, kind, STRICT)
    try:
        yield where
    finally:
        umount(where)

"""Installation as a step of a machine's start: from the configuration to a disk, and a reboot into it.

A disk that cannot be taken is no end: the reason stands in the machine's status, and the next configuration is tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from talos.config.view.volumes import DISK, IMAGE_CACHE, mount_path
from talos.controllers.block import started
from talos.linux import gpt
from talos.linux.block import disks
from talos.linux.disk_io import OpenDisk
from talos.machined.disk import (
    conversion,
    encryption,
    filesystem,
    installer,
    layout,
    machine_disks,
    medium,
    start,
    volumes,
)
from talos.machined.disk.filesystem import MADE
from talos.machined.disk.installer import InstallError, Plan
from talos.machined.disk.selector import SelectError, choose
from talos.resources.enums import MachineStage, UnattendedInstallPhase
from talos.resources.runtime import UnattendedInstallStatusSpec

if TYPE_CHECKING:
    from talos.config import Config
    from talos.config.view.model import Encryption
    from talos.machined.node import Node

log = logging.getLogger("machined.disk")

OWNER = "runtime.UnattendedInstallController"
STATE = "/system/state"
FETCHED = "/run/machined/install.efi"
_LOOK_S = 0.5
_FETCHER_S = 300.0
Source = Callable[[], AbstractContextManager[medium.Medium]]
Errors = (InstallError, SelectError, medium.MediumError)


def wanted(node: Node, config: Config | None) -> bool:
    """Whether this configuration asks for an installation that has not been made."""
    return (
        not node.env.in_container and config is not None and config.machine.install is not None and not start.record()
    )


async def run(node: Node) -> None:
    """Return at once where nothing is to be installed; otherwise the machine reboots."""
    config = node.config.current
    if not node.env.in_container and config is not None and (remade := await asyncio.to_thread(to_be_remade, config)):
        log.info("%s: to be made anew at the next start, as the configuration wants", ", ".join(remade))
        await asyncio.to_thread(conversion.request, node.env.path(STATE), remade)
        await _reboot(node)
    if not wanted(node, config):
        if not node.env.in_container and config is not None and config.machine.install is not None:
            await _status(node, UnattendedInstallPhase.INSTALLED, config.machine.install.image)
        return
    while True:
        assert config is not None
        install = config.machine.install
        assert install is not None
        await _status(node, UnattendedInstallPhase.INSTALLING, install.image)
        try:
            if refused := refusal(config):
                raise InstallError(refused)
            source = await find_source(node, install.image)
            disk = choose(disks(), install.disk, install.selector, install.fields).node
            encrypted = config.machine.encryption.get(layout.STATE)
            if refused := misplaced(config, disk):
                raise InstallError(refused)
            ephemeral = layout.EPHEMERAL not in config.machine.system_volumes
            await asyncio.to_thread(
                perform, source, disk, node.env.path(STATE), install.wipe, log.info, encrypted, ephemeral=ephemeral
            )
            break
        except Errors as error:
            log.error("%s; apply a configuration that can be installed", error)
            await _status(node, UnattendedInstallPhase.FAILED, install.image, str(error))
            await node.sequencer.set_stage(MachineStage.INSTALLING, "install", "install", str(error))
            while node.config.current is config:  # noqa: ASYNC110 - applied by whoever reads the reason
                await asyncio.sleep(_LOOK_S)
            config = node.config.current
    if not install.reboot:
        await _status(node, UnattendedInstallPhase.WAITING_FOR_REBOOT, install.image)
        said = "installed; it runs from its disk after a reboot, which the configuration leaves to somebody else"
        log.info("%s", said)
        await node.sequencer.set_stage(MachineStage.INSTALLING, "install", "install", said)
        await asyncio.Event().wait()
    await _reboot(node)


async def _status(node: Node, phase: UnattendedInstallPhase, image: str, error: str = "") -> None:
    def change(spec: UnattendedInstallStatusSpec) -> None:
        spec.phase, spec.image, spec.error = phase, image, error

    await node.state.modify(UnattendedInstallStatusSpec, "unattended-install", change, owner=OWNER)


async def _reboot(node: Node) -> None:
    from talos.machined import tasks
    from talos.machined.sequences import Request

    await tasks.reboot(node, Request())
    await asyncio.Event().wait()  # the machine goes down; nothing of the boot may go on meanwhile


def to_be_remade(config: Config) -> list[str]:
    """Volumes on which nothing is kept yet and that are to be encrypted, or to lie elsewhere: a disk image makes them
    before there is a configuration."""
    found = in_clear(config, fresh=True)
    record = start.record()
    lying = started.volumes(start.RECORD).get(layout.EPHEMERAL)
    wanted = config.machine.system_volumes.get(layout.EPHEMERAL)
    if wanted is None or lying is None or not lying.fresh or lying.problem or layout.EPHEMERAL in found:
        return found
    from talos.machined.disk import ephemeral

    try:
        agrees = ephemeral.agrees(Path(record["disk"]), wanted.provisioning, disks(), Path(lying.partition))
    except filesystem.VolumeError as error:
        log.error("EPHEMERAL stays where it is: %s", error)
        return found
    refused = "" if agrees else misplaced(config)
    if refused:
        log.error("EPHEMERAL stays where it is: %s", refused)
    return found if agrees or refused else [*found, layout.EPHEMERAL]


def refusal(config: Config) -> str:
    """What of a configuration's volumes is not carried out, "" if all is."""
    for name in config.machine.system_volumes:
        if name == IMAGE_CACHE:
            if config.machine.image_cache:
                continue
            return (
                f"VolumeConfig {name}: it holds the node's cache of images, which is not turned on: add the document "
                "ImageCacheConfig with local: {enabled: true}"
            )
        if name != layout.EPHEMERAL:
            done = f"{layout.EPHEMERAL} and {IMAGE_CACHE}"
            return f"VolumeConfig {name}: place, size and mount options are carried out for {done} only"
    places: dict[str, str] = {}
    for one in config.machine.volumes:
        if one.role == DISK and (refused := machine_disks.refusal(one)):
            return refused
        where = mount_path(one.id)
        if where and (other := places.get(where)):
            return f"{other} and {one.id} would both be mounted at {where}"
        places[where] = one.id
        if one.filesystem and one.kind != "directory" and one.filesystem not in MADE:
            return (
                f"UserVolumeConfig {one.name}: filesystem.type {one.filesystem} is not made by this version: its image "
                f"has the mkfs of {', '.join(MADE)} only"
            )
        if one.project_quota and one.filesystem != "xfs":
            return f"UserVolumeConfig {one.name}: filesystem.projectQuotaSupport is of XFS, type is {one.filesystem}"
        if one.encryption is not None and (refused := _refused_keys(one.id, one.encryption)):
            return refused
    return encryption.refusal(config.machine.encryption)


def _refused_keys(id: str, wanted: Encryption) -> str:
    if volumes.SIGNED.exists() and any(key.kind == "tpm" for key in wanted.keys):
        return (
            f"{id}: this image is signed for its TPM, which gives out no key once the system runs, and a volume of the "
            "user's is opened later: use another key, such as nodeID with lockToState"
        )
    return encryption.refusal_of(id, wanted)


def misplaced(config: Config, target: Path | None = None) -> str:
    """Why EPHEMERAL cannot be made where a configuration wants it, "" if it can, or if nothing is said of it. `target`:
    the disk that the system is going to be installed to."""
    wanted = config.machine.system_volumes.get(layout.EPHEMERAL)
    if wanted is None:
        return ""
    from talos.machined.disk import ephemeral

    if target is None:
        return ephemeral.problem(Path(start.record()["disk"]), wanted.provisioning, disks(), None)
    try:
        with OpenDisk(target) as disk:
            future = layout.begun(gpt.new(disk.sectors, disk.sector), ephemeral=False)
    except (OSError, gpt.TableError) as error:
        return f"{target}: {error}"
    return ephemeral.problem(target, wanted.provisioning, disks(), future)


def in_clear(config: Config, *, fresh: bool) -> list[str]:
    """Volumes of the installed system that lie in clear and are to be encrypted: those that can be made anew, as
    nothing is kept on them, or the others. Nothing is made anew once STATE keeps a configuration."""
    states = started.volumes(start.RECORD)
    state = states.get(layout.STATE)
    if state is None:
        return []
    lying = [
        name
        for name in config.machine.encryption
        if (found := states.get(name)) and not found.problem and not found.encrypted
    ]
    return [name for name in lying if (state.fresh and states[name].fresh) is fresh]


def problem(node: Node, config: Config) -> str:
    """Why a machine cannot have a configuration's disk, "" if it can. Looks, and changes nothing: a person is told
    before the configuration is accepted. An image of a registry is not fetched for that."""
    if refused := refusal(config):
        return refused
    keys = encryption.Keys()
    of_users = {one.id: one.encryption for one in config.machine.volumes if one.encryption is not None}
    for volume, spec in {**config.machine.encryption, **of_users}.items():
        for key in spec.keys:
            try:
                keys.made(msgspec.structs.replace(key, lock_to_state=False), volume)
            except encryption.KeyUnavailableError as error:
                return f"{volume}: key slot {key.slot} ({key.kind}) cannot be had on this machine: {error}"
    for volume in in_clear(config, fresh=False):
        # EPHEMERAL of a running node may wait: the configuration is applied, then it is wiped, then made encrypted.
        if volume == layout.STATE or node.config.current is None:
            return (
                f"{volume} of this machine keeps data in clear and is to be encrypted: wipe it first with `talosctl "
                f"reset --system-labels-to-wipe {volume}`, then apply this configuration"
            )
    if not wanted(node, config):
        return misplaced(config) if node.config.current is None and start.record() else ""
    install = config.machine.install
    assert install is not None
    try:
        disk = choose(disks(), install.disk, install.selector, install.fields)
        elsewhere = layout.EPHEMERAL in config.machine.system_volumes
        installer.check_disk(disk.node, wipe=install.wipe, ephemeral=not elsewhere)
        if refused := misplaced(config, disk.node):
            raise InstallError(refused)
        if not medium.available() and not install.image:
            raise medium.MediumError(medium.NOTHING)
    except Errors as error:
        return str(error)
    return ""


async def find_source(node: Node, image: str) -> Source:
    """The medium; where there is none, the image of that name out of its registry. MediumError."""
    if medium.available() or not image:
        return medium.mounted
    from grpclib import GRPCError

    from talos.machined import containerd, image_payload, image_transfer

    path = node.env.path(FETCHED)
    try:
        async with asyncio.timeout(_FETCHER_S):  # it is being started, beside this
            await node.supervisor.wait_up("containerd")
    except TimeoutError as error:
        raise medium.MediumError(f"{image} cannot be fetched: containerd is not up after {_FETCHER_S:g} s") from error
    try:
        log.info("fetching %s", image)
        await image_transfer.pull(image, containerd.SYSTEM)
        found = await image_payload.find(image, containerd.SYSTEM, container=False)
        with path.open("wb") as file:
            async for chunk in found.chunks():
                await asyncio.to_thread(file.write, chunk)
    except GRPCError as error:
        raise medium.MediumError(str(error.message)) from error
    except (image_payload.ImagePayloadError, OSError) as error:
        raise medium.MediumError(str(error)) from error
    return lambda: medium.from_image(path)


def perform(
    source: Source,
    disk: Path,
    state: Path,
    wipe: bool,
    say: Callable[[str], None],
    encrypted: Encryption | None = None,
    *,
    ephemeral: bool = True,
) -> None:
    """Install. Blocks for as long as it takes."""
    with source() as files:
        plan = Plan(disk, files.image, files.others, state, wipe=wipe, encryption=encrypted, ephemeral=ephemeral)
        installer.install(plan, say)

"""Installation as a step of a machine's start: from the configuration to a disk, and a reboot into it.

A disk that cannot be taken is no end: the reason stands in the machine's status, and the next configuration is tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from talos.config.block.volume_config import VolumeConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.linux.block import disks
from talos.machined.disk import installer, medium, start
from talos.machined.disk.installer import InstallError, Plan
from talos.machined.disk.selector import SelectError, choose
from talos.resources.enums import MachineStage

if TYPE_CHECKING:
    from pathlib import Path

    from talos.config import Config
    from talos.machined.node import Node

log = logging.getLogger("machined.disk")

STATE = "/system/state"
FETCHED = "/run/machined/install.efi"
_LOOK_S = 0.5
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
    if not wanted(node, config):
        return
    while True:
        assert config is not None
        install = config.machine.install
        assert install is not None
        try:
            source = await find_source(node, install.image)
            disk = choose(disks(), install.disk, install.selector, install.fields).node
            await asyncio.to_thread(perform, source, disk, node.env.path(STATE), install.wipe, log.info)
            break
        except Errors as error:
            log.error("%s; apply a configuration that can be installed", error)
            await node.sequencer.set_stage(MachineStage.INSTALLING, "install", "install", str(error))
            while node.config.current is config:  # noqa: ASYNC110 - applied by whoever reads the reason
                await asyncio.sleep(_LOOK_S)
            config = node.config.current
    from talos.machined import tasks
    from talos.machined.sequences import Request

    await tasks.reboot(node, Request())
    await asyncio.Event().wait()  # the machine goes down; nothing of the boot may go on meanwhile


def problem(node: Node, config: Config) -> str:
    """Why a configuration's installation cannot begin, "" if it can or nothing is to be installed. Looks, and changes
    nothing: a person is told before the configuration is accepted. An image of a registry is not fetched for that."""
    if not wanted(node, config):
        return ""
    if volumes := encrypted(config):
        return (
            f"encryption of {', '.join(volumes)} is not carried out by this version: the disk would hold in clear what "
            "is to be encrypted; leave the encryption out, or do not install this machine yet"
        )
    install = config.machine.install
    assert install is not None
    try:
        disk = choose(disks(), install.disk, install.selector, install.fields)
        installer.check_disk(disk.node, wipe=install.wipe)
        if not medium.available() and not install.image:
            raise medium.MediumError(medium.NOTHING)
    except Errors as error:
        return str(error)
    return ""


def encrypted(config: Config) -> list[str]:
    """System volumes that the configuration wants encrypted."""
    documents = [document for document in config.documents if isinstance(document, VolumeConfig)]
    found = [document.name for document in documents if document.encryption.provider not in ("", "none")]
    legacy = config.get(V1Alpha1)
    if legacy is not None and legacy.machine is not None and legacy.machine.system_disk_encryption is not None:
        found.append("the system disk (machine.systemDiskEncryption)")
    return found


async def find_source(node: Node, image: str) -> Source:
    """The medium; where there is none, the image of that name out of its registry. MediumError."""
    if medium.available() or not image:
        return medium.mounted
    from grpclib import GRPCError

    from talos.machined import containerd, image_payload, image_transfer

    path = node.env.path(FETCHED)
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


def perform(source: Source, disk: Path, state: Path, wipe: bool, say: Callable[[str], None]) -> None:
    """Install. Blocks for as long as it takes."""
    with source() as files:
        installer.install(Plan(disk, files.image, files.others, state, wipe=wipe), say)

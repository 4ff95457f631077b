"""Volumes of the user as the documents of several kinds describe them. Imported when somebody asks for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import structs

from talos.config.block.existing_volume_config import ExistingVolumeConfig
from talos.config.block.raw_volume_config import RawVolumeConfig
from talos.config.block.swap_volume_config import SwapVolumeConfig
from talos.config.block.user_volume_config import UserVolumeConfig
from talos.config.block.volume_config import VolumeConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.view.model import Provisioning, UserVolume
from talos.config.view.volumes import (
    CACHE,
    DISK,
    EXISTING,
    IMAGE_CACHE,
    IMAGE_CACHE_MEDIUM,
    MEDIUM_LABEL,
    PREFIXES,
    RAW,
    SWAP,
    USER,
    encryption_if_wanted,
    provisioning_of,
    size_of,
)

if TYPE_CHECKING:
    from talos.config.config import Config

DEFAULT_FILESYSTEM = "xfs"
CACHE_FILESYSTEM = "ext4"
CACHE_MINIMUM, CACHE_MAXIMUM = 500 << 20, 1 << 30
"""bytes of a volume with a cache of images of which nothing else is said; as on Talos"""


def user_volumes(config: Config) -> tuple[UserVolume, ...]:
    """All of them: documents' by id, then those of the legacy section."""
    found = [
        UserVolume(
            id=f"{PREFIXES[USER]}{document.name}",
            name=document.name,
            role=USER,
            kind=document.volume_type or "partition",
            provisioning=provisioning_of(document.provisioning),
            filesystem=document.filesystem.type or DEFAULT_FILESYSTEM,
            project_quota=bool(document.filesystem.project_quota_support),
            min_allocation_group_size=size_of(xfs.min_allocation_group_size) if (xfs := document.filesystem.xfs) else 0,
            encryption=encryption_if_wanted(document.encryption),
            secure=document.mount.secure is not False,
            disable_access_time=bool(document.mount.disable_access_time),
        )
        for document in config.get_all(UserVolumeConfig)
    ]
    found += [_partition(RAW, document) for document in config.get_all(RawVolumeConfig)]
    found += [_partition(SWAP, document) for document in config.get_all(SwapVolumeConfig)]
    found += [
        UserVolume(
            id=f"{PREFIXES[EXISTING]}{document.name}",
            name=document.name,
            role=EXISTING,
            match=document.discovery.volume_selector.match,
            secure=document.mount.secure is not False,
            disable_access_time=bool(document.mount.disable_access_time),
            read_only=bool(document.mount.read_only),
        )
        for document in config.get_all(ExistingVolumeConfig)
    ]
    return (*sorted(found, key=lambda volume: volume.id), *_of_disks(config))


def image_cache_volumes(config: Config) -> tuple[UserVolume, ...]:
    """Of the node's cache of images: the partition, as configured, and the medium."""
    document = config.get(VolumeConfig, IMAGE_CACHE)
    wanted = provisioning_of(document.provisioning) if document is not None else Provisioning()
    bounded = wanted.max_size or wanted.max_percent or wanted.negative
    place = structs.replace(
        wanted,
        selector=wanted.selector or "system_disk",
        min_size=wanted.min_size or CACHE_MINIMUM,
        max_size=wanted.max_size if bounded else max(CACHE_MAXIMUM, wanted.min_size),
    )
    match = f'volume.name == "iso9660" && volume.label.startsWith("{MEDIUM_LABEL}")'
    medium = IMAGE_CACHE_MEDIUM
    return (
        UserVolume(id=IMAGE_CACHE, name=IMAGE_CACHE, role=CACHE, provisioning=place, filesystem=CACHE_FILESYSTEM),
        UserVolume(id=medium, name=medium, role=CACHE, kind="disk", match=match, read_only=True),
    )


def _of_disks(config: Config) -> Iterator[UserVolume]:
    """``machine.disks``, in its order: the last partition of a disk may take what the others leave."""
    legacy = config.get(V1Alpha1)
    for disk in legacy.machine.disks if legacy is not None and legacy.machine is not None else ():
        device = json.dumps(disk.device)
        for part in disk.partitions:
            name, size = part.mountpoint.removeprefix("/var/"), size_of(part.size) >> 20 << 20
            yield UserVolume(
                id=f"{PREFIXES[DISK]}{name}",
                name=name,
                role=DISK,
                provisioning=Provisioning(
                    selector=f"!system_disk && (disk.dev_path == {device} || {device} in disk.symlinks)",
                    min_size=size,
                    max_size=size,
                ),
                filesystem=DEFAULT_FILESYSTEM,
                secure=False,
            )


def _partition(role: str, document: RawVolumeConfig | SwapVolumeConfig) -> UserVolume:
    return UserVolume(
        id=f"{PREFIXES[role]}{document.name}",
        name=document.name,
        role=role,
        provisioning=provisioning_of(document.provisioning),
        encryption=encryption_if_wanted(document.encryption),
    )

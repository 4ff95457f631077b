"""``machine.install`` and ``machine.disks`` of the v1alpha1 document."""

from __future__ import annotations

from msgspec import field

from talos.config.document import Part
from talos.config.forms import ByteSize, DiskSizeMatcher, Kept


class DiskPartition(Part, kw_only=True):
    """``machine.disks.partitions``."""

    size: ByteSize = ""
    mountpoint: str = ""


class MachineDisk(Part, kw_only=True):
    """``machine.disks``."""

    device: str = ""
    partitions: list[DiskPartition] = field(default_factory=list)


class InstallDiskSelector(Part, kw_only=True):
    """``machine.install.diskSelector``."""

    size: DiskSizeMatcher | None = None
    name: str = ""
    model: str = ""
    serial: str = ""
    modalias: str = ""
    uuid: str = ""
    wwid: str = ""
    type: str = ""
    bus_path: str = ""


class InstallExtensionConfig(Part, kw_only=True):
    """``machine.install.extensions``."""

    image: Kept[str] = ""


class InstallConfig(Part, kw_only=True):
    """``machine.install``."""

    disk: str = ""
    disk_selector: InstallDiskSelector | None = None
    extra_kernel_args: list[str] = field(default_factory=list)
    image: str = ""
    extensions: list[InstallExtensionConfig] = field(default_factory=list)
    bootloader: bool | None = None
    wipe: Kept[bool | None] = None
    legacy_bios_support: bool | None = field(default=None, name="legacyBIOSSupport")
    grub_use_uki_cmdline: bool | None = field(default=None, name="grubUseUKICmdline")

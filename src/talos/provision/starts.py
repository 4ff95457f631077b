"""The ways in which a machine can start and be told who it is, beside the presets: which go together, and what of it a
cluster remembers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from talos.provision import config_server, firmware, machine, netboot, seed, time_server
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError


@dataclass(frozen=True, slots=True)
class Start:
    """What the command line may ask for. initramfs: of the kernel to start from. boot_script: URL for iPXE."""

    initramfs: str = ""
    boot_script: str = ""
    bootloader: bool = True
    uefi: bool = True
    firmware_folders: tuple[str, ...] = ()
    bad_rtc: bool = False
    config_method: str = ""
    tpm1: bool = False


def check(start: Start, preset: str) -> None:
    """ProvisionError for what does not go together."""
    if start.config_method not in ("", *seed.METHODS):
        raise ProvisionError(
            f"--config-injection-method {start.config_method}: choose from {', '.join(seed.METHODS)}, or leave the "
            "flag out: then a disk with the label CIDATA tells a machine who it is"
        )
    if not start.uefi and preset != machine.KERNEL:
        raise ProvisionError(
            "--with-uefi=false: without UEFI a machine starts from a kernel that QEMU loads itself: give "
            "--vmlinuz-path and --initrd-path, or neither"
        )
    if not start.bootloader and preset not in machine.DIRECT:
        raise ProvisionError(
            "--with-bootloader=false: only a kernel that QEMU loads itself can be started at every start: give "
            "--vmlinuz-path and --initrd-path, or --uki-path, or none of them"
        )
    if start.boot_script and ({*start.boot_script} & {*"\n\r,"} or "://" not in start.boot_script):
        raise ProvisionError(
            f"--ipxe-boot-script {start.boot_script!r}: give the URL of a script, for example http://10.5.0.1/boot.ipxe"
        )
    if preset == machine.PXE and not start.uefi:
        raise ProvisionError("--ipxe-boot-script: machines start over the network by UEFI")
    if preset == machine.PXE:
        netboot.check()


def remember(model: ClusterModel, start: Start, found: machine.Artefacts, *, injected: bool) -> None:
    """injected: whether the machines find a configuration when they start. ProvisionError, OSError."""
    if model.preset in (machine.KERNEL, machine.PXE):
        model.initramfs, model.command_line = str(found.initramfs), found.command_line.read_text().strip()
    if model.preset in (*machine.DIRECT, machine.PXE):
        model.medium = str(found.medium)
    elif model.preset == machine.USB:
        model.medium = model.image  # Debian's cloud kernel has no USB: firmware starts from a stick that it cannot read
    model.boot_script = start.boot_script
    model.uefi = start.uefi
    # What the installer writes is started by UEFI only.
    model.bootloader = start.bootloader and start.uefi
    if model.uefi:
        files = firmware.find(start.firmware_folders, secure_boot=found.secure_boot)
        model.firmware = [str(files.code), str(files.variables)]
    model.bad_rtc, model.tpm_version = start.bad_rtc, 1 if start.tpm1 else 2
    model.config_method = start.config_method if injected else ""


def servers(model: ClusterModel) -> list[Callable[[ClusterDirectory, ClusterModel], None]]:
    """What has to run before the machines start."""
    found: list[Callable[[ClusterDirectory, ClusterModel], None]] = []
    if model.bad_rtc:
        found.append(time_server.start)
    if model.config_method == seed.HTTP or (model.preset == machine.PXE and not model.boot_script):
        found.append(config_server.start)
    if model.preset == machine.PXE:
        found.append(netboot.start)
    return found


def kill(directory: ClusterDirectory) -> None:
    """End them, those that run."""
    for server in (time_server, config_server, netboot):
        server.kill(directory)

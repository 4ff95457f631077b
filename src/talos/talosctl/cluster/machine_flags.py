"""Flags of `cluster create` that mean something for nodes that are machines: their disks, their TPM, their kernel.

`create qemu` is our own way to say it; `create --provisioner qemu` and `create dev --provisioner qemu` take the names
that Talos own client has for these."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from talos.talosctl.cluster.values import disks, user_volumes
from talos.talosctl.flag_table import table

if TYPE_CHECKING:
    from talos.provision.starts import Start

F = TypeVar("F", bound=Callable[..., Any])
_COMMON = {
    "encrypt_state": click.option("--encrypt-state", is_flag=True, help="encrypt the configuration's volume"),
    "encrypt_ephemeral": click.option("--encrypt-ephemeral", is_flag=True, help="encrypt /var"),
    "disk_encryption_key_types": click.option(
        "--disk-encryption-key-types", multiple=True, default=["uuid"], metavar="TYPE",
        help="a key slot each: uuid (the machine's), kms (a key server here), tpm (needs --with-tpm2) [default: uuid]",
    ),
    "with_tpm2": click.option("--with-tpm2", is_flag=True, help="each machine has a TPM 2.0, in software (swtpm)"),
    "extra_boot_kernel_args": click.option(
        "--extra-boot-kernel-args", default="", metavar="ARGUMENTS", help="kernel arguments beside the system's own"
    ),
}  # fmt: skip
_DISKS = """
--bad-rtc bool false
--config-injection-method string
--disk int 6144
--disk-block-size uint 512
--disk-image-path string
--encrypt-user-volumes bool false
--extra-disks int 0
--extra-disks-drivers stringSlice
--extra-disks-on-controlplanes bool false
--extra-disks-serials stringSlice
--extra-disks-size int 5120
--extra-uefi-search-paths stringSlice
--initrd-path string _out/initramfs-${ARCH}.xz
--ipxe-boot-script string
--iso-path string
--primary-disks int 1
--uki-path string
--usb-path string
--user-volumes stringSlice
--vmlinuz-path string _out/vmlinuz-${ARCH}
--with-bootloader bool true
--with-iommu bool false
--with-tpm1_2 bool false
--with-uefi bool true
"""
_DISK_NAMES = (
    *("disk", "disk_block_size", "disk_image_path", "encrypt_user_volumes", "user_volumes"),
    *("extra_disks", "extra_disks_drivers", "extra_disks_on_controlplanes"),
    *("extra_disks_serials", "extra_disks_size", "iso_path", "primary_disks", "with_iommu"),
    *("bad_rtc", "config_injection_method", "extra_uefi_search_paths", "initrd_path", "ipxe_boot_script"),
    *("uki_path", "usb_path", "vmlinuz_path", "with_bootloader", "with_tpm1_2", "with_uefi"),
)
_ARCH = "${ARCH}"
_STARTS = {"iso_path": "iso", "disk_image_path": "disk-image", "usb_path": "usb", "uki_path": "uki"}
"""flag → preset of the file that it names"""


def common(function: F) -> F:
    """What `create qemu` has in common with the others."""
    for option in reversed(_COMMON.values()):
        function = option(function)
    return function


def options(function: F) -> F:
    """All of them, for `create` and `create dev`."""
    provisioner = click.option("--provisioner", default="docker", hidden=True, help="docker: containers; or qemu")
    return table(_DISKS)(provisioner(common(function)))


def of_provisioner(ctx: click.Context, flags: dict[str, Any]) -> dict[str, Any] | None:
    """Take these flags out of `flags`: what is asked for of machines, None where the nodes are containers."""
    provisioner, values = flags.pop("provisioner"), {name: flags.pop(name) for name in _DISK_NAMES}
    if provisioner not in ("docker", "qemu"):
        raise click.UsageError(f"--provisioner {provisioner}: choose docker (nodes are containers) or qemu", ctx)
    if provisioner == "qemu":
        from talos.provision.model import USER_DISK_EXTRA, user_disk_serial

        primary, extra = values["primary_disks"], values["extra_disks"]
        if primary < 1:
            raise click.UsageError(f"--primary-disks {primary}: the first one holds the system, give 1 or more", ctx)
        found = [f"virtio:{values['disk']}MiB"] * primary
        user = [user_volumes(text) for text in values["user_volumes"]]
        flags["user_volumes"] = tuple(tuple(disk) for disk in user)
        flags["encrypt_user_volumes"] = values["encrypt_user_volumes"]
        sizes = [sum(size for _, size in disk) + USER_DISK_EXTRA for disk in user]
        found += [f"virtio:{-(-size >> 20)}MiB" for size in sizes]
        drivers = values["extra_disks_drivers"] or ["virtio"]
        for number in range(extra):
            found.append(f"{drivers[number % len(drivers)]}:{values['extra_disks_size']}MiB")
        preset, file, start = _start(ctx, values)
        return {
            **machines(ctx, flags, [preset], found, tpm1=values["with_tpm1_2"]),
            "start_file": file,
            "start": start,
            "disk_serials": [
                *("" for _ in range(primary)),
                *(user_disk_serial(number) for number in range(len(user))),
                *_serials(ctx, values["extra_disks_serials"], extra),
            ],
            "disk_sector": _sector(ctx, values["disk_block_size"]),
            "worker_disks": 0 if values["extra_disks_on_controlplanes"] else extra,
            "iommu": values["with_iommu"],
        }
    for name in (*_DISK_NAMES, *_COMMON):
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = name.replace("_", "-")
            raise click.UsageError(f"--{flag} is for nodes that are machines: add --provisioner qemu", ctx)
    for name in _COMMON:
        flags.pop(name)
    return None


def _start(ctx: click.Context, values: dict[str, Any]) -> tuple[str, str, Start]:
    """(preset, file that the machines start from, "" for what `make artefacts` made, and the rest of it)."""
    from talos.provision.machine import ARCHITECTURE
    from talos.provision.starts import Start

    def path(name: str) -> str:
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        return str(values[name]).replace(_ARCH, ARCHITECTURE) if given else ""

    found = [(preset, path(name)) for name, preset in _STARTS.items() if path(name)]
    kernel, initramfs = path("vmlinuz_path"), path("initrd_path")
    if bool(kernel) != bool(initramfs):
        raise click.UsageError("--vmlinuz-path and --initrd-path: a kernel and its initramfs go together", ctx)
    if kernel:
        found.append(("kernel", kernel))
    if values["ipxe_boot_script"]:
        found.append(("pxe", ""))
    if len(found) > 1:
        raise click.UsageError(
            "--iso-path, --disk-image-path, --usb-path, --uki-path, --vmlinuz-path (with --initrd-path) and "
            "--ipxe-boot-script: a machine starts from one of them",
            ctx,
        )
    direct = not (values["with_uefi"] and values["with_bootloader"])
    preset, file = (found or [("kernel" if direct else "iso", "")])[0]
    start = Start(
        initramfs=initramfs,
        boot_script=values["ipxe_boot_script"],
        bootloader=values["with_bootloader"],
        uefi=values["with_uefi"],
        firmware_folders=tuple(values["extra_uefi_search_paths"]),
        bad_rtc=values["bad_rtc"],
        config_method=values["config_injection_method"],
        tpm1=values["with_tpm1_2"],
    )
    return preset, file, start


def _sector(ctx: click.Context, size: int) -> int:
    """Bytes of a disk's logical sectors. QEMU would take any power of two up to 2 MiB, but there are no such disks, and
    neither FAT nor the firmware reads them."""
    from talos.linux.gpt import SECTORS

    if size not in SECTORS:
        known = " or ".join(map(str, SECTORS))
        raise click.UsageError(f"--disk-block-size {size}: disks have sectors of {known} bytes, give one of these", ctx)
    return size


def _serials(ctx: click.Context, given: list[str], count: int) -> list[str]:
    """One for each extra disk."""
    if given and len(given) != count:
        raise click.UsageError(f"--extra-disks-serials names {len(given)} disks, --extra-disks is {count}", ctx)
    if wrong := [text for text in given if not re.fullmatch(r"[A-Za-z0-9_.-]{1,20}", text)]:
        raise click.UsageError(
            f"--extra-disks-serials {wrong[0]}: a serial number has up to 20 letters, digits, dots and dashes", ctx
        )
    return list(given)


def machines(
    ctx: click.Context, flags: dict[str, Any], presets: list[str], disk_texts: list[str], *, tpm1: bool = False
) -> dict[str, Any]:
    """Values for talos.provision.create.CreateOptions; what the configuration says of encryption stays in `flags`."""
    wanted, tpm2 = disks(disk_texts), flags.pop("with_tpm2")
    if tpm1 and tpm2:
        raise click.UsageError("--with-tpm1_2 and --with-tpm2: a machine has one of them", ctx)
    flags["encrypted"] = tuple(
        volume for volume in ("STATE", "EPHEMERAL") if flags.pop(f"encrypt_{volume.lower()}")
    )  # fmt: skip
    flags["encryption_keys"] = tuple(flags.pop("disk_encryption_key_types"))
    return {
        "presets": presets,
        "disks": [size for _, size in wanted],
        "disk_drivers": [driver for driver, _ in wanted],
        "tpm": tpm1 or tpm2,
        "kernel_arguments": flags.pop("extra_boot_kernel_args"),
        "scale_wait": ctx.get_parameter_source("wait_timeout") is not ParameterSource.COMMANDLINE,
    }

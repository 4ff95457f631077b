"""Flags of `cluster create` that mean something for nodes that are machines: their disks, their TPM, their kernel.

`create qemu` is our own way to say it; `create --provisioner qemu` and `create dev --provisioner qemu` take the names
that Talos own client has for these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from talos.talosctl.cluster.values import disks
from talos.talosctl.flag_table import table

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
--disk int 6144
--extra-disks int 0
--extra-disks-drivers stringSlice
--extra-disks-size int 5120
"""
_DISK_NAMES = ("disk", "extra_disks", "extra_disks_drivers", "extra_disks_size")


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
        found = [f"virtio:{values['disk']}MiB"]
        drivers = values["extra_disks_drivers"] or ["virtio"]
        for number in range(values["extra_disks"]):
            found.append(f"{drivers[number % len(drivers)]}:{values['extra_disks_size']}MiB")
        return machines(ctx, flags, ["iso"], found)
    for name in (*_DISK_NAMES, *_COMMON):
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = name.replace("_", "-")
            raise click.UsageError(f"--{flag} is for nodes that are machines: add --provisioner qemu", ctx)
    for name in _COMMON:
        flags.pop(name)
    return None


def machines(ctx: click.Context, flags: dict[str, Any], presets: list[str], disk_texts: list[str]) -> dict[str, Any]:
    """Values for talos.provision.create.CreateOptions; what the configuration says of encryption stays in `flags`."""
    wanted = disks(disk_texts)
    flags["encrypted"] = tuple(
        volume for volume in ("STATE", "EPHEMERAL") if flags.pop(f"encrypt_{volume.lower()}")
    )  # fmt: skip
    flags["encryption_keys"] = tuple(flags.pop("disk_encryption_key_types"))
    return {
        "presets": presets,
        "disks": [size for _, size in wanted],
        "disk_drivers": [driver for driver, _ in wanted],
        "tpm": flags.pop("with_tpm2"),
        "kernel_arguments": flags.pop("extra_boot_kernel_args"),
        "scale_wait": ctx.get_parameter_source("wait_timeout") is not ParameterSource.COMMANDLINE,
    }

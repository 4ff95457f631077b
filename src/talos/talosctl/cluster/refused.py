"""Flags of Talos' own `cluster create` that local clusters have no use for, or that nothing here carries out.

They are known, so that a script gets to hear which of its flags has no effect here and is not told of a typing error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from talos.talosctl.flag_table import table

F = TypeVar("F", bound=Callable[..., Any])


def _refuse(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if param.name is not None and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        if value == param.get_default(ctx):
            return
        if param.name == "with_tpm1_2":
            raise click.UsageError("--with-tpm1_2: nodes speak to a TPM 2.0 only, use --with-tpm2", ctx)
        raise click.UsageError(f"{param.opts[-1]} is not carried out by this version for clusters on this machine", ctx)


# What they ask for is so anyway: the first node is the endpoint, no discovery service is asked, and a container has
# neither DHCP nor a kernel command line nor a disk to install to.
_HOLDS = """
--disable-dhcp-hostname bool false
--init-node-as-endpoint bool false
--skip-injecting-extra-cmdline bool false
--skip-unattended-install-config bool false
--with-cluster-discovery bool true
"""
_CREATE = """
--arch string amd64
--bad-rtc bool false
--cni-bin-path stringSlice
--cni-bundle-url string
--cni-cache-dir string
--cni-conf-dir string
--config-injection-method string
--disk-block-size uint 512
--disk-image-path string
--disk-preallocate bool true
--encrypt-user-volumes bool false
--extra-disks-on-controlplanes bool false
--extra-disks-serials stringSlice
--extra-disks-tags stringSlice
--extra-uefi-search-paths stringSlice
--image-cache-path string
--image-cache-port uint16 5000
--image-cache-tls-cert-file string
--image-cache-tls-key-file string
--initrd-path string _out/initramfs-${ARCH}.xz
--install-image string
--ipv4 bool true
--ipv6 bool false
--ipxe-boot-script string
--iso-path string
--omni-api-endpoint string
--primary-disks int 1
--skip-etcd-k8s bool false
--uki-path string
--usb-path string
--use-vip bool false
--user-volumes stringSlice
--vmlinuz-path string _out/vmlinuz-${ARCH}
--wireguard-cidr string
--with-bgp bool false
--with-bgp-clos bool false
--with-bootloader bool true
--with-debug bool false
--with-init-node bool false
--with-iommu bool false
--with-json-logs bool false
--with-kubespan bool false
--with-siderolink string none
--with-tpm1_2 bool false
--with-uefi bool true
--with-uuid-hostnames bool false
"""
_QEMU = """
--image-factory-auth string
--image-factory-url string https://factory.talos.dev/
--omni-api-endpoint string
--schematic-id string
"""


def create(function: F) -> F:
    """The flags of `create` and `create dev`."""
    return table(_CREATE, expose_value=False, callback=_refuse)(table(_HOLDS, expose_value=False)(function))


qemu = table(_QEMU, expose_value=False, callback=_refuse)

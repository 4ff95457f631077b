"""Flags of Talos' own `cluster create` that local clusters have no use for, or that nothing here carries out.

They are known, so that a script gets to hear which of its flags has no effect here and is not told of a typing error.
"""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from talos.talosctl.flag_table import table


def _refuse(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if param.name is not None and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        if value == param.get_default(ctx):
            return
        raise click.UsageError(f"{param.opts[-1]} is not carried out by this version for clusters on this machine", ctx)


_CREATE = """
--airgapped bool false
--arch string amd64
--bad-rtc bool false
--cni-bin-path stringSlice
--cni-bundle-url string
--cni-cache-dir string
--cni-conf-dir string
--config-injection-method string
--control-plane-port int 6443
--custom-cni-url string
--disable-dhcp-hostname bool false
--disk int 6144
--disk-block-size uint 512
--disk-encryption-key-types stringArray uuid
--disk-image-path string
--disk-preallocate bool true
--encrypt-ephemeral bool false
--encrypt-state bool false
--encrypt-user-volumes bool false
--extra-boot-kernel-args string
--extra-disks int 0
--extra-disks-drivers stringSlice
--extra-disks-on-controlplanes bool false
--extra-disks-serials stringSlice
--extra-disks-size int 5120
--extra-disks-tags stringSlice
--extra-uefi-search-paths stringSlice
--image-cache-path string
--image-cache-port uint16 5000
--image-cache-tls-cert-file string
--image-cache-tls-key-file string
--init-node-as-endpoint bool false
--initrd-path string _out/initramfs-${ARCH}.xz
--install-image string
--ipv4 bool true
--ipv6 bool false
--ipxe-boot-script string
--iso-path string
--kubeprism-port int 7445
--nameservers stringSlice
--no-masquerade-cidrs stringSlice
--omni-api-endpoint string
--primary-disks int 1
--provisioner string docker
--registry-insecure-skip-verify stringSlice
--skip-etcd-k8s bool false
--skip-injecting-extra-cmdline bool false
--skip-k8s-node-readiness-check bool false
--skip-unattended-install-config bool false
--uki-path string
--usb-path string
--use-vip bool false
--user-volumes stringSlice
--vmlinuz-path string _out/vmlinuz-${ARCH}
--wireguard-cidr string
--with-apply-config bool false
--with-bgp bool false
--with-bgp-clos bool false
--with-bootloader bool true
--with-cluster-discovery bool true
--with-debug bool false
--with-firewall string
--with-init-node bool false
--with-iommu bool false
--with-json-logs bool false
--with-kubespan bool false
--with-network-bandwidth int 0
--with-network-chaos bool false
--with-network-jitter duration 0s
--with-network-latency duration 0s
--with-network-packet-corrupt float64 0
--with-network-packet-loss float64 0
--with-network-packet-reorder float64 0
--with-siderolink string none
--with-tpm1_2 bool false
--with-tpm2 bool false
--with-uefi bool true
--with-uuid-hostnames bool false
"""
_DOCKER = """
--disable-ipv6 bool false
--mount string
"""
_QEMU = """
--image-factory-auth string
--image-factory-url string https://factory.talos.dev/
--omni-api-endpoint string
--schematic-id string
"""
create = table(_CREATE, expose_value=False, callback=_refuse)
docker = table(_DOCKER, expose_value=False, callback=_refuse)
qemu = table(_QEMU, expose_value=False, callback=_refuse)

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
        raise click.UsageError(f"{param.opts[-1]}: {reason(param.name)}", ctx)


_MACHINE = "a machine gets that unasked; what can be chosen is what `talosctl cluster create qemu --help` lists"
_NO_DOCUMENT = "nodes do not carry out {} documents in this version: leave the flag out{}"
_MESH = "; nodes of one cluster reach each other directly"
_REASONS = {
    "arch": "nodes run on this machine's own architecture: leave the flag out",
    "extra_disks_tags": "they name virtiofs folders, which machines here do not have: use --extra-disks-serials",
    "omni_api_endpoint": "Omni is not spoken by this version: leave the flag out",
    "with_bgp": _NO_DOCUMENT.format("BGPInstanceConfig", ""),
    "with_bgp_clos": _NO_DOCUMENT.format("BGPInstanceConfig", ""),
    "with_kubespan": _NO_DOCUMENT.format("KubeSpanConfig", f"{_MESH}, with --wireguard-cidr by WireGuard too"),
    "with_siderolink": _NO_DOCUMENT.format("SideroLinkConfig", _MESH),
    "image_factory_auth": "no image factory is asked: `make artefacts` builds what machines start from",
    "image_factory_url": "no image factory is asked: `make artefacts` builds what machines start from",
    "schematic_id": "no image factory is asked: `make artefacts` builds what machines start from",
}


def reason(name: str) -> str:
    """Why a flag is not carried out, and what to do instead."""
    if name.startswith("cni_"):
        return "plugins of container networks are in the image: leave the flag out (--custom-cni-url names manifests)"
    return _REASONS.get(name, _MACHINE)


# What they ask for is so anyway: the first node is the endpoint, no discovery service is asked, and a container has
# neither DHCP nor a kernel command line nor a disk to install to. A machine's disks are sparse files, which QEMU's own
# allocation would not be faster than.
_HOLDS = """
--disable-dhcp-hostname bool false
--disk-preallocate bool true
--init-node-as-endpoint bool false
--skip-injecting-extra-cmdline bool false
--skip-unattended-install-config bool false
--with-cluster-discovery bool true
"""
_CREATE = """
--arch string amd64
--cni-bin-path stringSlice
--cni-bundle-url string
--cni-cache-dir string
--cni-conf-dir string
--extra-disks-tags stringSlice
--omni-api-endpoint string
--with-bgp bool false
--with-bgp-clos bool false
--with-kubespan bool false
--with-siderolink string none
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

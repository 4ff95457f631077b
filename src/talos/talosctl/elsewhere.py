"""Commands of Talos' own client that this one knows only by name: each says what to use instead.

They are helpers that its local clusters start for themselves (a DHCP server, a load balancer), tools for its own
development, and old names. Local clusters here need no such helper, see docs/decisions/0009-local-clusters.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from talos.talosctl.airgapped.command import air_gapped
from talos.talosctl.flag_table import table
from talos.talosctl.options import ClientGroup, Command, client_options


def refuse(name: str, instead: str, flags: str = "", *, client: bool = False, arguments: bool = False) -> click.Command:
    """A command that only says what to use instead, and fails."""

    def answer(**_: Any) -> None:
        raise click.ClickException(instead)

    answer.__doc__ = instead
    made: Callable[..., Any] = client_options(answer) if client else answer
    if flags:
        made = table(flags)(made)
    if arguments:
        made = click.argument("ignored", nargs=-1)(made)
    return click.command(name, cls=Command, hidden=True)(made)


_LAUNCHED = "local clusters of this version start no {0}: `talosctl cluster create` sets up {1} itself"

bgp_launch = refuse(
    "bgp-launch",
    "there is no BGP speaker for local clusters: run the routing daemon of your choice on the cluster's bridge",
    """
    --bgp-addr string
    --bgp-advertise string
    --bgp-asn uint32 65000
    --bgp-interface stringArray
    --bgp-nat-cidr string
    --bgp-neighbor-range string
    --bgp-peer-asn uint32 65001
    --bgp-unnumbered bool false
    --bgp-vrf-neighbor string
    --bgp-zebra bool false
    """,
)
dhcpd_launch = refuse(
    "dhcpd-launch",
    _LAUNCHED.format("DHCP server", "the nodes' addresses"),
    """
    --addr string localhost
    --interface string
    --ipxe-next-handler string
    --state-path string
    """,
)
qemu_launch = refuse("qemu-launch", "`talosctl cluster create qemu` starts virtual machines itself")
remote_provision_launch = refuse(
    "remote-provision-launch",
    "clusters are made on this machine only: run `talosctl cluster create` on the other machine",
    """
    --listen string 0.0.0.0:50100
    --state-dir string /var/lib/talos-remote-provision
    """,
)
siderolink_launch = refuse(
    "siderolink-launch",
    "there is no SideroLink agent here, and nodes of this version do not carry out SideroLinkConfig documents: "
    "logs are sent by machine.logging and KmsgLogConfig (`talosctl json-logs-launch` receives them)",
    """
    --event-sink-endpoint string
    --log-receiver-endpoint string
    --predefined-pair stringArray
    --sidero-link-api-cert string
    --sidero-link-api-endpoint string
    --sidero-link-api-key string
    --sidero-link-join-token string
    --sidero-link-wireguard-endpoint string
    """,
)
virtiofsd_launch = refuse(
    "virtiofsd-launch",
    "local clusters share no host folders through virtiofs: container nodes see the host's files by --mount",
    """
    --bin string /usr/libexec/virtiofsd
    --virtiofs string
    """,
)


@click.group("debug-tool", cls=ClientGroup, hidden=True)
def debug_tool() -> None:
    """Tools for the development of Talos."""


debug_tool.add_command(air_gapped)

crashdump = refuse(
    "crashdump",
    "crashdump is an old name: use `talosctl support`",
    """
    --control-plane-nodes stringSlice
    --init-node string
    --worker-nodes stringSlice
    """,
    client=True,
)
disks = refuse(
    "disks",
    "disks is an old name: use `talosctl get disks`, `talosctl get systemdisk` or `talosctl get discoveredvolumes`",
    client=True,
    arguments=True,
)
interfaces = refuse(
    "interfaces", "interfaces is an old name: use `talosctl get links` and `talosctl get addresses`", client=True
)
routes = refuse("routes", "routes is an old name: use `talosctl get routes`", client=True)

"""A node in a container: the configuration comes in its environment, the network is its runtime's.

Host name, addresses and routes were set before PID 1 began; resolvers are named in the environment (NAMESERVERS, ours,
separated by commas), or a resolv.conf was put into place. Addresses and routes are left as they are; name and resolvers
become a layer of their own.
"""

from __future__ import annotations

import base64
import binascii
import socket
from pathlib import Path

from talos.platforms import Machine, PlatformError
from talos.resources.enums import ConfigLayer
from talos.resources.network import HostnameSpecSpec, NameServerSpec, PlatformConfigSpec, ResolverSpecSpec
from talos.resources.runtime.platform_metadata import PlatformMetadataSpec

HOST_DNS = ("169.254.116.108", "fd54:616c:6f73:0:204f:5320:444e:531")
"""the node's own DNS cache (talos.controllers.network.host_dns_config)"""


async def configuration(machine: Machine) -> bytes | None:
    """USERDATA, in base64."""
    encoded = machine.env.variables.get("USERDATA", "")
    if not encoded:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise PlatformError(f"environment variable USERDATA is not base64: {error}") from error


async def network(machine: Machine) -> PlatformConfigSpec:
    """What the runtime has set."""
    named = machine.env.variables.get("NAMESERVERS", "")
    servers = named.split(",") if named else nameservers(machine.env.path("/etc/resolv.conf"))
    return container_config(socket.gethostname(), servers, machine.env.variables.get("TALOSSKU", ""))


def nameservers(resolv_conf: Path) -> list[str]:
    """Servers of a resolv.conf (resolv.conf(5)), none when there is no file."""
    try:
        lines = resolv_conf.read_text().splitlines()
    except OSError:
        return []
    found = [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
    return [server for server in found if not server.startswith("127.") and server not in HOST_DNS]


def container_config(hostname: str, servers: list[str], sku: str) -> PlatformConfigSpec:
    """The container platform's configuration."""
    name, _, domain = hostname.partition(".")
    layer = ConfigLayer.PLATFORM
    spec = PlatformConfigSpec(
        hostnames=[HostnameSpecSpec(hostname=name, domainname=domain, layer=layer)] if name else [],
        metadata=PlatformMetadataSpec(platform="container", hostname=hostname, instance_type=sku),
    )
    if servers:
        spec.resolvers = [
            ResolverSpecSpec(
                dns_servers=servers, name_servers=[NameServerSpec(addr=server) for server in servers], layer=layer
            )
        ]
    return spec

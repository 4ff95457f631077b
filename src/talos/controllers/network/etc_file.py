"""Contents of hosts, hostname and resolv.conf in /etc. machined writes them (EtcFileController): networkd may not."""

from __future__ import annotations

from collections.abc import Sequence

from talos.controllers import machine_config
from talos.controllers.network.host_dns_config import ADDRESS_STATUS, pod_servers
from talos.resources.files import EtcFileSpecSpec
from talos.resources.network import (
    AddressStatusSpec,
    HostDNSConfigSpec,
    HostnameStatusSpec,
    NodeAddressSpec,
    ResolverStatusSpec,
)
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

_MODE = 0o644
_LABEL = "system_u:object_r:etc_t:s0"


def hosts(hostname: str, domainname: str, addresses: Sequence[str], extra: Sequence[tuple[str, Sequence[str]]]) -> str:
    """hosts(5)."""
    names = [f"{hostname}.{domainname} {hostname}"] if domainname else [hostname]
    lines = ["127.0.0.1 localhost"]
    lines += [f"{address} {names[0]}" for address in addresses[:1] if hostname]
    lines += ["::1       localhost ip6-localhost ip6-loopback", "ff02::1   ip6-allnodes", "ff02::2   ip6-allrouters"]
    lines += [f"{address} {' '.join(aliases)}" for address, aliases in extra]
    return "\n".join(lines) + "\n"


def resolv_conf(servers: Sequence[str], search: Sequence[str]) -> str:
    """resolv.conf(5), which reads at most three servers."""
    lines = [f"nameserver {server}" for server in servers[:3]]
    if search:
        lines.append("search " + " ".join(search))
    return "\n".join(lines) + "\n"


class EtcFileController(Controller):
    name = "network.EtcFileController"
    inputs = (
        machine_config.ACTIVE_CONFIG,
        Input(HostnameStatusSpec, id="hostname"),
        Input(NodeAddressSpec, id="default"),
        Input(ResolverStatusSpec, id="resolvers"),
        Input(HostDNSConfigSpec, id="config"),
        *(Input(AddressStatusSpec, id=id_) for id_ in ADDRESS_STATUS.values()),
    )
    outputs = (Output(EtcFileSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        hostname = await rt.get_or_none(HostnameStatusSpec, "hostname")
        default = await rt.get_or_none(NodeAddressSpec, "default")
        resolvers = await rt.get_or_none(ResolverStatusSpec, "resolvers")
        host_dns = await rt.get_or_none(HostDNSConfigSpec, "config")
        if resolvers is not None:
            servers = list(resolvers.spec.dns_servers)
            if host_dns is not None and host_dns.spec.enabled and host_dns.spec.listen_addresses:
                # The addresses for pods, not 127.0.0.53: they inherit the file and loopback is not theirs. Not before
                # they are on lo: the default route would take the question out of the node.
                caches = pod_servers(host_dns.spec)
                if not caches:
                    servers = [host_dns.spec.listen_addresses[-1].rpartition(":")[0]]
                elif all([await rt.get_or_none(AddressStatusSpec, ADDRESS_STATUS[cache]) for cache in caches]):
                    servers = caches
            search = list(resolvers.spec.search_domains)
            if not search and hostname is not None and hostname.spec.domainname:
                search = [hostname.spec.domainname]
            await self._write(rt, "resolv.conf", resolv_conf(servers, search))
        if hostname is not None:
            await self._write(rt, "hostname", f"{hostname.spec.hostname}\n")
        if hostname is not None and default is not None:
            extra = [(entry.address, entry.names) for entry in config.network.static_hosts] if config else []
            addresses = [address.partition("/")[0] for address in default.spec.addresses]
            text = hosts(hostname.spec.hostname, hostname.spec.domainname, addresses, extra)
            await self._write(rt, "hosts", text)

    async def _write(self, rt: Runtime, id_: str, contents: str) -> None:
        spec = EtcFileSpecSpec(contents=contents, mode=_MODE, selinux_label=_LABEL)
        await rt.modify(EtcFileSpecSpec, id_, lambda _old: spec)

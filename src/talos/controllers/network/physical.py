"""Which links are hardware, and which of them nobody has said anything about."""

from __future__ import annotations

from collections.abc import Iterable

from talos.config import Config
from talos.controllers.network.kernel_network import KernelNetwork, parse
from talos.controllers.network.selectors import Hardware, resolved
from talos.environment import NodeEnvironment
from talos.resources.enums import LinkType
from talos.resources.network import LinkStatusSpec, PlatformConfigSpec
from talos.state.resource import Resource


def is_physical(link: LinkStatusSpec) -> bool:
    """Ethernet that no software made."""
    return link.type is LinkType.ETHER and not link.kind


def hardware(links: Iterable[Resource[LinkStatusSpec]]) -> list[tuple[str, LinkStatusSpec]]:
    """(name, status) of physical links, in the kernel's order."""
    found = [(link.id, link.spec) for link in links if is_physical(link.spec)]
    return sorted(found, key=lambda item: item[1].index)


def named(
    config: Config | None, platform: PlatformConfigSpec | None, kernel: KernelNetwork, found_hardware: Hardware
) -> set[str]:
    """Links that configuration, platform or kernel arguments name, be it to leave them alone."""
    found = set(kernel.named)
    if config is not None:
        view = config.network
        links = resolved(view.links, found_hardware)
        found |= {link.name for link in links} | {link.parent for link in links}
        found |= {port for link in links for port in link.ports}
        found |= {client.link for client in view.dhcp} | set(view.ignored_links)
    if platform is not None:
        found |= {link.name for link in platform.links} | {address.link_name for address in platform.addresses}
        found |= {operator.link_name for operator in platform.operators}
    return found


def unnamed(
    env: NodeEnvironment,
    links: Iterable[Resource[LinkStatusSpec]],
    config: Config | None,
    platform: PlatformConfigSpec | None,
) -> list[str]:
    """Names of physical links that are left to the defaults: up, and DHCP on them. None in a container, and none
    before the platform has been asked."""
    if env.in_container or platform is None:
        return []
    found = hardware(links)
    taken = named(config, platform, parse(env.arguments, found), found)
    return [name for name, _ in found if name not in taken]

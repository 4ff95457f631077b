"""Links that the configuration chooses by what they are instead of by name (legacy deviceSelector)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from talos.config.view.model import Link
from talos.resources.network import LinkStatusSpec

Hardware = Sequence[tuple[str, LinkStatusSpec]]

_TEXTS = {
    "busPath": lambda link: link.bus_path,
    "hardwareAddr": lambda link: link.hardware_addr,
    "permanentAddr": lambda link: link.permanent_addr or link.hardware_addr,
    "pciID": lambda link: link.pci_id,
    "driver": lambda link: link.driver,
}


def matches(selector: Mapping[str, Any], link: LinkStatusSpec) -> bool:
    """Whether hardware fits every key; texts are patterns with * and ?, in either case."""
    for key, wanted in selector.items():
        if key == "physical" or wanted in ("", None):
            continue  # what is asked is hardware already
        if not fnmatchcase(_TEXTS[key](link).lower(), str(wanted).lower()):
            return False
    return bool(selector)


def chosen(selector: Mapping[str, Any], hardware: Hardware) -> list[str]:
    """Names of the links that fit, in the kernel's order."""
    return [name for name, link in hardware if matches(selector, link)]


def resolved(links: Sequence[Link], hardware: Hardware) -> tuple[Link, ...]:
    """The links with names in the place of selectors: one for each that fits; none fits (yet): left out. A VLAN on top
    of a link that was selected goes onto the first that fits."""
    return tuple(_resolved(links, hardware))


def _resolved(links: Sequence[Link], hardware: Hardware) -> Iterator[Link]:
    parent = ""
    for link in links:
        if link.bond.get("deviceSelectors"):
            ports = [name for selector in link.bond["deviceSelectors"] for name in chosen(selector, hardware)]
            yield msgspec.structs.replace(link, ports=tuple(dict.fromkeys((*link.ports, *ports))))
        elif link.selector and not link.name:
            names = chosen(link.selector, hardware)
            parent = names[0] if names else ""
            yield from (msgspec.structs.replace(link, name=name) for name in names)
        elif link.kind == "vlan" and not link.parent:
            if parent:
                yield msgspec.structs.replace(link, parent=parent, name=f"{parent}.{link.vlan_id}")
        else:
            yield link

"""NetworkRuleConfig: A rule that lets packets in."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import Kept, Needed, OneOf, PortRange, Prefix, Replaced

if TYPE_CHECKING:
    from talos.config.config import Config


class RulePortSelector(Part, kw_only=True):
    """``portSelector``."""

    ports: Kept[Replaced[list[PortRange]]] = field(default_factory=list)
    protocol: Kept[Annotated[str, OneOf("icmp", "tcp", "udp", "icmpv6")]] = ""


class IngressRule(Part, kw_only=True):
    """``ingress``."""

    subnet: Kept[Prefix] = ""
    except_: Prefix = ""


class NetworkRuleConfig(Document, kw_only=True):
    """A rule that lets packets in."""

    KIND: ClassVar[str] = "NetworkRuleConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    port_selector: Kept[RulePortSelector] = field(default_factory=RulePortSelector)
    ingress: Kept[Replaced[list[IngressRule]]] = field(default_factory=list)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.port_selector.ports and self.port_selector.protocol in ("tcp", "udp"):
            yield f"portSelector.ports is required for protocol {self.port_selector.protocol}"
        if not self.port_selector.protocol:
            yield "portSelector.protocol is required"
        ranges = sorted(
            tuple(map(int, (f"{p}-{p}" if "-" not in p else p).split("-"))) for p in self.port_selector.ports
        )
        for (_, end), (begin, _) in pairwise(ranges):
            if begin <= end:
                yield f"portSelector.ports: port {begin} stands in two ranges"
        for number, rule in enumerate(self.ingress):
            if not rule.subnet:
                yield f"ingress[{number}].subnet is required"
            elif rule.except_:
                whole, part = ip_interface(rule.subnet).network, ip_interface(rule.except_).network
                if whole.version != part.version or not part.subnet_of(whole):  # type: ignore[arg-type]
                    yield f"ingress[{number}].except {rule.except_} is not inside subnet {rule.subnet}"


def _bounds(ports: str) -> tuple[int, int]:
    low, _, high = ports.partition("-")
    return int(low), int(high or low)

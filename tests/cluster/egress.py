"""Records where a cluster's nodes try to go beyond their own network.

Packets that come from the cluster's bridge are looked at where the host would route them or take them itself. Only the
first of a connection counts, so answers to the host's own talosctl and kubectl do not. Packets between nodes pass here
too where br_netfilter is loaded: they are left out by address. The rules name the bridge, which exists only later, so
that not even the first packet is missed.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from talos.provision.model import ClusterDirectory


class Egress:
    """As a context: record. Names derive from the cluster's folder, so any object of it reads the record."""

    def __init__(self, directory: ClusterDirectory) -> None:
        self.directory = directory
        self.bridge = directory.bridge
        self.table = f"egress{directory.tag}"

    def __enter__(self) -> Egress:
        # After connection tracking (priority -200), before destination NAT (-100) would hide where it was meant to go.
        rule = f'iifname "{self.bridge}" ct state new'
        self._nft(
            f"""
            add table inet {self.table}
            delete table inet {self.table}
            table inet {self.table} {{
              set v4 {{ type ipv4_addr . inet_proto . inet_service; flags dynamic; size 1024; }}
              set v6 {{ type ipv6_addr . inet_proto . inet_service; flags dynamic; size 1024; }}
              chain prerouting {{
                type filter hook prerouting priority -150; policy accept;
                {rule} meta l4proto {{ tcp, udp }} update @v4 {{ ip daddr . meta l4proto . th dport }}
                {rule} meta l4proto {{ tcp, udp }} update @v6 {{ ip6 daddr . meta l4proto . th dport }}
              }}
            }}
            """
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._nft(f"delete table inet {self.table}")

    def destinations(self) -> set[str]:
        """Address, protocol and port of each connection that a node tried to anything but a node."""
        nodes = {address for node in self.directory.load().nodes for address in node.addresses}
        text = subprocess.run(
            ["nft", "-j", "list", "table", "inet", self.table], check=True, capture_output=True, text=True
        ).stdout
        return {
            "/".join(str(part) for part in _concatenated(element))
            for entry in json.loads(text)["nftables"]
            if "set" in entry
            for element in entry["set"].get("elem", [])
            if _concatenated(element)[0] not in nodes
        }

    @staticmethod
    def _nft(script: str) -> None:
        subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


def _concatenated(element: dict[str, Any]) -> list[Any]:
    value: list[Any] = element.get("elem", {}).get("val", element).get("concat", [])
    return value

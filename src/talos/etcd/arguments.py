"""etcd's command line, a pure function of the spec and of how the member starts.

The flags that say who the member is, whom it trusts and to which cluster it belongs are not the user's to set: a wrong
one loses the data of the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from talos.etcd.client import CLIENT_PORT, PEER_PORT
from talos.kubernetes.arguments import Value, merge, render

CLIENT_HTTP_PORT = 2383
PKI_PATH = Path("/system/secrets/etcd")
DATA_PATH = Path("/var/lib/etcd")

DENIED = frozenset(
    {
        "name",
        "data-dir",
        "initial-cluster",
        "initial-cluster-state",
        "auto-tls",
        "peer-auto-tls",
        "client-cert-auth",
        "peer-client-cert-auth",
        "cert-file",
        "key-file",
        "trusted-ca-file",
        "peer-cert-file",
        "peer-key-file",
        "peer-trusted-ca-file",
        "listen-client-http-urls",
    }
)


class InitialCluster(NamedTuple):
    """How a member with an empty data directory starts: ``name=peer-url`` pairs, and whether it founds the cluster."""

    members: Sequence[tuple[str, str]]
    new: bool


def url(address: str, port: int) -> str:
    """https URL of an address, IPv6 in brackets."""
    return f"https://[{address}]:{port}" if ip_address(address).version == 6 else f"https://{address}:{port}"


def urls(addresses: Sequence[str], port: int) -> str:
    """Comma separated https URLs."""
    return ",".join(url(a, port) for a in addresses)


def peer_urls(addresses: Sequence[str]) -> list[str]:
    """Peer URLs that a member advertises."""
    return [url(a, PEER_PORT) for a in addresses]


def etcd_arguments(
    *,
    name: str,
    advertised: Sequence[str],
    listen_peer: Sequence[str],
    listen_client: Sequence[str],
    extra_args: Mapping[str, Value],
    initial: InitialCluster | None,
    pki: Path = PKI_PATH,
    data: Path = DATA_PATH,
) -> list[str]:
    """Arguments without the program's name, sorted. ``initial`` is None when the data directory holds a member.

    Raises DeniedArgumentError.
    """
    defaults: dict[str, Value] = {
        "name": name,
        "auto-tls": "false",
        "peer-auto-tls": "false",
        "data-dir": str(data),
        "listen-peer-urls": urls(listen_peer, PEER_PORT),
        "listen-client-urls": urls(listen_client, CLIENT_PORT),
        "listen-client-http-urls": urls(listen_client, CLIENT_HTTP_PORT),
        "client-cert-auth": "true",
        "cert-file": str(pki / "server.crt"),
        "key-file": str(pki / "server.key"),
        "trusted-ca-file": str(pki / "ca.crt"),
        "peer-client-cert-auth": "true",
        "peer-cert-file": str(pki / "peer.crt"),
        "peer-key-file": str(pki / "peer.key"),
        "peer-trusted-ca-file": str(pki / "ca.crt"),
        "tls-min-version": "TLS1.3",
        "watch-progress-notify-interval": "5s",
        "feature-gates": ["InitialCorruptCheck=true", "CompactHashCheck=true"],
        "advertise-client-urls": urls(advertised, CLIENT_PORT),
        "initial-advertise-peer-urls": urls(advertised, PEER_PORT),
    }
    if initial is not None:
        defaults["initial-cluster"] = ",".join(f"{member}={peer}" for member, peer in initial.members)
        defaults["initial-cluster-state"] = "new" if initial.new else "existing"
    return render(merge("etcd", defaults, extra_args, additive=("feature-gates",), denied=DENIED))

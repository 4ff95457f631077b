"""Checks that several document kinds share. Each yields a sentence for every fault it finds."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING

from talos.pki import certificates, keys
from talos.pki.keys import PKIError

if TYPE_CHECKING:
    from talos.config.certificate_and_key import CertificateAndKey
    from talos.config.duration import Duration
    from talos.config.network.addressing import AddressConfig, RouteConfig

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
MINIMUM_IPV6_MTU = 1280
_DNS_LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}$)({_DNS_LABEL}\.)*{_DNS_LABEL}\.?")


def certificate(path: str, pem: str) -> Iterator[str]:
    """A PEM certificate."""
    try:
        certificates.load_certificate(pem.encode())
    except PKIError as e:
        yield f"{path}: {e}"


def private_key(path: str, pem: str) -> Iterator[str]:
    """A PEM private key."""
    try:
        keys.decode(pem.encode())
    except PKIError as e:
        yield f"{path}: {e}"


def certificate_and_key(path: str, pair: CertificateAndKey) -> Iterator[str]:
    """A PEM certificate whose key, if given, belongs to it."""
    faults = list(certificate(f"{path}.cert", pair.cert))
    if pair.key:
        faults += private_key(f"{path}.key", pair.key)
        if not faults and not certificates.matches(certificates.Pair(pair.cert.encode(), pair.key.encode())):
            faults.append(f"{path}.key does not belong to {path}.cert")
    yield from faults


def authority(issuing: CertificateAndKey | None, accepted: list[str], *, control_plane: bool) -> Iterator[str]:
    """Issuing and accepted authorities as the CA documents hold them."""
    if issuing is None and not accepted:
        yield "issuingCA or acceptedCAs is required"
    if issuing is not None:
        yield from certificate_and_key("issuingCA", issuing)
        if control_plane and not issuing.key:
            yield "issuingCA.key is required on control plane machines"
    elif control_plane:
        yield "issuingCA is required on control plane machines"
    for number, pem in enumerate(accepted):
        yield from certificate(f"acceptedCAs[{number}]", pem)


def port(path: str, value: int) -> Iterator[str]:
    """A port number that is given."""
    if value and not 0 < value < 65536:
        yield f"{path} is {value}, must be from 1 to 65535"


def labels(path: str, given: dict[str, str], *, values: bool = True) -> Iterator[str]:
    """Kubernetes labels (``values`` False: annotations, whose values are free)."""
    for key, value in given.items():
        prefix, slash, name = key.rpartition("/")
        if not _LABEL_NAME.fullmatch(name) or (slash and not _LABEL_PREFIX.fullmatch(prefix)):
            yield f"{path}: {key!r} is no label name: letters, digits and -_. with an optional DNS prefix/"
        if values and value and not _LABEL_NAME.fullmatch(value):
            yield f"{path}.{key} is {value!r}: a label value has at most 63 letters, digits and -_."


def taints(path: str, given: dict[str, str]) -> Iterator[str]:
    """Taints: key -> ``Effect`` or ``value:Effect``."""
    yield from labels(path, given, values=False)
    for key, text in given.items():
        value, _, effect = text.rpartition(":")
        if effect not in EFFECTS:
            yield f"{path}.{key} is {text!r}: write EFFECT or VALUE:EFFECT with one of {', '.join(EFFECTS)}"
        if value and not _LABEL_NAME.fullmatch(value):
            yield f"{path}.{key} has the value {value!r}: at most 63 letters, digits and -_."


def subnets(path: str, given: Iterable[str]) -> Iterator[str]:
    """Address prefixes, each with an optional ``!`` that excludes."""
    for number, text in enumerate(given):
        try:
            ip_network(text.removeprefix("!"), strict=False)
        except ValueError:
            yield f"{path}[{number}] is {text!r}, must be a subnet such as 10.0.0.0/8 (or !10.0.0.0/8 to exclude)"


def subnet_families(path: str, given: list[str]) -> Iterator[str]:
    """At most one subnet of each address family."""
    families = [ip_interface(s).version for s in given]
    if len(families) != len(set(families)):
        yield f"{path} has two subnets of the same address family; one IPv4 and one IPv6 subnet are possible"


def link(addresses: list[AddressConfig], routes: list[RouteConfig], mtu: int = 0, path: str = "") -> Iterator[str]:
    """Addresses and routes of a link."""
    for number, item in enumerate(addresses):
        if not item.address:
            yield f"{path}addresses[{number}].address is required"
    for number, route in enumerate(routes):
        here = f"{path}routes[{number}]"
        if not route.destination and not route.gateway:
            yield f"{here} needs a destination, a gateway or both"
        if route.destination and route.gateway:
            destination, gateway = ip_interface(route.destination).version, ip_address(route.gateway).version
            if destination != gateway:
                yield f"{here}: destination {route.destination} and gateway {route.gateway} differ in address family"
    if mtu and mtu < 68:
        yield f"{path}mtu is {mtu}, must be at least 68"


def new_link(path: str, name: str) -> Iterator[str]:
    """Name of a link that the node makes: what the kernel takes for one (dev_valid_name in net/core/dev.c)."""
    if name and (len(name) > 15 or name in (".", "..") or re.search(r"[/:\s]", name)):
        yield f"{path} is {name!r}: the name of a link has at most 15 characters, none of them / or : or a space"


def dns_name(path: str, name: str) -> Iterator[str]:
    """A DNS name, if one is given."""
    if name and not _DNS_NAME.fullmatch(name):
        yield f"{path} is {name!r}, must be a DNS name"


def words(path: str, texts: Iterable[str]) -> Iterator[str]:
    """Texts that stand in a file of words: not empty, without white space."""
    for number, text in enumerate(texts):
        if not text or len(text.split()) != 1 or text != text.strip():
            yield f"{path}[{number}] is {text!r}, must be one word"


def addresses(path: str, texts: Iterable[str]) -> Iterator[str]:
    """IP addresses."""
    for number, text in enumerate(texts):
        try:
            ip_address(text)
        except ValueError:
            yield f"{path}[{number}] is {text!r}, must be an IP address"


def wireguard_key(path: str, text: str) -> Iterator[str]:
    """Base64 of 32 bytes that are not all zero: such a key is nobody's (linux/wireguard.h)."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError:  # binascii.Error, and what is no ASCII
        raw = b""
    if len(raw) != 32:
        yield f"{path} must be base64 of 32 bytes, as 'wg genkey' writes it"
    elif not any(raw):
        yield f"{path} is all zeros, which stands for no key: make one with 'wg genkey'"


def wireguard_link(
    path: str, listen_port: int, mark: int, peers: Iterable[tuple[str, str, Duration]]
) -> Iterator[str]:
    """Numbers of a WireGuard link, and its peers as (public key, preshared key, keepalive interval)."""
    yield from port(f"{path}listenPort", listen_port)
    if not 0 <= mark < 1 << 32:
        yield f"{path}firewallMark is {mark}, must be from 0 to {(1 << 32) - 1}"
    seen: set[str] = set()
    for number, (public_key, preshared_key, keepalive) in enumerate(peers):
        here = f"{path}peers[{number}]"
        if public_key:
            yield from wireguard_key(f"{here}.publicKey", public_key)
        if public_key in seen:
            yield f"{here}.publicKey stands twice: a peer is known by its key alone"
        seen.add(public_key)
        if preshared_key:
            yield from wireguard_key(f"{here}.presharedKey", preshared_key)
        if keepalive and not 1 <= keepalive.seconds <= 65535:
            yield f"{here}.persistentKeepaliveInterval is {keepalive}, must be from 1s to 65535s, or 0 for none"


def volume_name(name: str) -> Iterator[str]:
    """Name of a volume: with its two-letter prefix it becomes a partition label of at most 36 characters."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,32}[A-Za-z0-9])?", name):
        yield f"name is {name!r}, must be 1 to 34 letters, digits and dashes"

"""A WireGuard link as its spec says it, as the kernel has it, and what is between the two.

Peers are changed one by one: a session with a peer that stays goes on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from talos.linux import wireguard as wg
from talos.resources.network import WireguardPeer, WireguardSpec
from talos.state.runtime import Runtime

HIDDEN = "(hidden)"
"""what `wg show` writes in the place of a preshared key"""
_ASK_AGAIN_S = 15.0


def split_endpoint(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT or [IPV6]:PORT."""
    host, _, port = text.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def literal(text: str) -> wg.Endpoint | None:
    """An endpoint that is an address and a port; None for a name. The zone of an address is the index of its link."""
    host, port = split_endpoint(text)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id and not address.scope_id.isdigit():
        return f"{host.partition('%')[0]}%{socket.if_nametoindex(address.scope_id)}", port
    return str(address), port


def wanted(spec: WireguardSpec, endpoint: Callable[[str], wg.Endpoint | None]) -> wg.Device:
    """What the kernel shall have. Of several peers that name one allowed address, the last has it, as in the kernel."""
    owner = {ipaddress.ip_network(text, strict=False): peer.public_key
             for peer in spec.peers for text in peer.allowed_ips}  # fmt: skip
    peers = {}
    for peer in spec.peers:
        peers[peer.public_key] = wg.Peer(
            wg.key(peer.public_key),
            preshared_key=wg.key(peer.preshared_key) if peer.preshared_key else wg.NO_KEY,
            endpoint=endpoint(peer.endpoint) if peer.endpoint else None,
            keepalive_s=min(int(peer.persistent_keepalive_interval.total_seconds()), 0xFFFF),
            allowed=tuple(network for network, key in owner.items() if key == peer.public_key),
        )
    return wg.Device(
        private_key=wg.clamp(wg.key(spec.private_key)) if spec.private_key else wg.NO_KEY,
        listen_port=spec.listen_port,
        mark=spec.firewall_mark,
        peers=tuple(peers.values()),
    )


def changes(now: wg.Device, want: wg.Device, told: Mapping[bytes, wg.Endpoint]) -> wg.Change:
    """What makes the one the other. `told`: endpoints by public key that the kernel was given before; where such a peer
    is by now is something it said itself, and is left. The port 0 is any, so every one fits."""
    # The kernel takes no link for a peer of itself; a change of the private key is looked at again afterwards.
    own = now.public_key if now.private_key == want.private_key else wg.NO_KEY
    found = {peer.public_key: peer for peer in now.peers}
    named = {peer.public_key: peer for peer in want.peers if peer.public_key != own}
    changed = []
    for public_key, peer in named.items():
        if public_key in found and told.get(public_key) == peer.endpoint:
            peer = msgspec.structs.replace(peer, endpoint=None)
        if public_key not in found or not _fits(found[public_key], peer):
            changed.append(peer)
    return wg.Change(
        private_key=want.private_key if want.private_key != now.private_key else None,
        listen_port=want.listen_port if want.listen_port not in (0, now.listen_port) else None,
        mark=want.mark if want.mark != now.mark else None,
        set_peers=tuple(changed),
        remove_peers=tuple(public_key for public_key in found if public_key not in named),
    )


def _fits(now: wg.Peer, want: wg.Peer) -> bool:
    return (
        want.endpoint in (None, now.endpoint)
        and (now.preshared_key, now.keepalive_s) == (want.preshared_key, want.keepalive_s)
        and set(now.allowed) == set(want.allowed)
    )


def endpoint_text(endpoint: wg.Endpoint | None) -> str:
    """HOST:PORT, an IPv6 address in brackets; "" for none."""
    if endpoint is None:
        return ""
    host, port = endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def status(device: wg.Device) -> WireguardSpec:
    """The kernel's state as everybody with a right to read may see it: without secrets."""
    return WireguardSpec(
        public_key=wg.key_text(device.public_key) if device.public_key != wg.NO_KEY else "",
        listen_port=device.listen_port,
        firewall_mark=device.mark,
        peers=sorted(
            (
                WireguardPeer(
                    public_key=wg.key_text(peer.public_key),
                    preshared_key=HIDDEN if peer.preshared_key != wg.NO_KEY else "",
                    endpoint=endpoint_text(peer.endpoint),
                    persistent_keepalive_interval=timedelta(seconds=peer.keepalive_s),
                    allowed_ips=[str(network) for network in sorted(peer.allowed, key=_order)],
                )
                for peer in device.peers
            ),
            key=lambda peer: peer.public_key,
        ),
    )


def _order(network: wg.Allowed) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen


class Links:
    """WireGuard links of a node over time: what was told of endpoints, and names of which the address is being asked.

    Nothing waits for a name: the link is made at once, and its peer gets its endpoint when there is an answer.
    """

    def __init__(self) -> None:
        self._told: dict[int, dict[bytes, wg.Endpoint]] = {}
        self._names: dict[str, wg.Endpoint] = {}
        self._asking: set[str] = set()

    def configure(self, rt: Runtime, index: int, name: str, spec: WireguardSpec) -> bool:
        """Make a link agree with its spec; whether anything had to change. NetlinkError."""
        want = wanted(spec, lambda text: self._endpoint(rt, name, text))
        told = self._told.setdefault(index, {})
        changed = False
        with wg.WireguardSocket() as wireguard_socket:
            for _ in range(2):  # a new private key may be one that is among the peers
                change = changes(wireguard_socket.device(name), want, told)
                if not change:
                    break
                wireguard_socket.configure(name, change)
                changed = True
        if changed:
            rt.log.info("configured WireGuard link %s: %d peers", name, len(want.peers))
        told.clear()
        told.update({peer.public_key: peer.endpoint for peer in want.peers if peer.endpoint is not None})
        return changed

    def forget(self, indices: set[int]) -> None:
        """Links but these are gone."""
        for index in self._told.keys() - indices:
            del self._told[index]

    def _endpoint(self, rt: Runtime, link: str, text: str) -> wg.Endpoint | None:
        found = literal(text) or self._names.get(text)
        if found is None and text not in self._asking:
            self._asking.add(text)
            rt.spawn(self._ask(rt, link, text), name=f"endpoint {text}")
        return found

    async def _ask(self, rt: Runtime, link: str, text: str) -> None:
        host, port = split_endpoint(text)
        try:
            answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            self._names[text] = (str(answers[0][4][0]), port)
            rt.trigger()
        except OSError as error:
            rt.log.warning("link %s: no address of endpoint %s yet (%s), asked again", link, text, error)
            rt.requeue_after(_ASK_AGAIN_S)
        finally:
            self._asking.discard(text)

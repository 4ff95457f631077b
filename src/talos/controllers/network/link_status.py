"""Links as the kernel has them, whoever made them."""

from __future__ import annotations

import contextlib
from pathlib import Path

from talos.controllers.network.kernel_status import KernelStatusController
from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.resources.enums import Duplex, LinkFlag, LinkType, OperationalState
from talos.resources.network import LinkRefreshSpec, LinkStatusSpec, VLANSpec, WireguardSpec
from talos.state.controller import EXCLUSIVE, Input, Output
from talos.state.runtime import Runtime
from talos.state.spec import Spec


def hardware_address(raw: bytes) -> str:
    """aa:bb:cc:dd:ee:ff, empty for none."""
    return raw.hex(":") if raw else ""


def _sysfs(root: Path, link: str, name: str) -> str:
    try:
        return (root / "class/net" / link / name).read_text().strip()
    except (OSError, UnicodeDecodeError):  # most attributes of a virtual link answer EINVAL
        return ""


def _device(root: Path, link: str) -> dict[str, str]:
    """Where a link's hardware is and what drives it; nothing for links that software made."""
    folder = root / "class/net" / link / "device"
    try:
        device = folder.resolve(strict=True)
    except OSError:
        return {}
    found = {"bus_path": device.name}
    for name, place in (("driver", "driver"), ("subsystem", "subsystem")):
        with contextlib.suppress(OSError):
            found[name] = (folder / place).resolve(strict=True).name
    if found.pop("subsystem", "") == "virtio":  # the PCI function is one level up, as lspci shows it
        with contextlib.suppress(OSError):
            found["bus_path"] = device.parent.name
            device = device.parent
    ids = [_read(device / name).removeprefix("0x").upper() for name in ("vendor", "device")]
    if all(ids):
        found |= {"pci_id": ":".join(ids), "vendor_id": f"0x{ids[0].lower()}", "product_id": f"0x{ids[1].lower()}"}
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _speed(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _text_of_type(number: int) -> LinkType:
    return LinkType(number)


def status(link: nl.Link, sysfs: Path) -> LinkStatusSpec:
    """One link's resource."""
    duplex = {"half": Duplex.HALF, "full": Duplex.FULL}.get(_sysfs(sysfs, link.name, "duplex"), Duplex.UNKNOWN)
    spec = LinkStatusSpec(
        alias=link.alias,
        alt_names=list(link.alt_names),
        index=link.index,
        type=_text_of_type(link.arp_type),
        link_index=link.link,
        flags=LinkFlag(link.flags & 0x7FFFF),
        hardware_addr=hardware_address(link.address),
        permanent_addr=hardware_address(link.permanent_address),
        broadcast_addr=hardware_address(link.broadcast),
        mtu=link.mtu,
        queue_disc=link.queue_discipline,
        master_index=link.master,
        operational_state=OperationalState(link.oper_state),
        kind=link.kind,
        slave_kind=link.slave_kind,
        link_state=bool(link.flags & nl.IFF_LOWER_UP),
        speed_mbit=_speed(_sysfs(sysfs, link.name, "speed")),
        duplex=duplex,
    )
    device = {"driver": link.kind} | _device(sysfs, link.name)
    for name, value in device.items():
        setattr(spec, name, value)
    if link.kind == "wireguard":
        spec.wireguard = _wireguard(link.name)
    if link.vlan_id:
        spec.vlan = VLANSpec(vlan_id=link.vlan_id)
    return spec


def _wireguard(name: str) -> WireguardSpec | None:
    """A link's peers and public key; None if it went away meanwhile."""
    from talos import wireguard  # few nodes have one
    from talos.linux.wireguard import WireguardSocket

    try:
        with WireguardSocket() as wireguard_socket:
            return wireguard.status(wireguard_socket.device(name))
    except nl.NetlinkError:
        return None


class LinkStatusController(KernelStatusController):
    name = "network.LinkStatusController"
    kind = LinkStatusSpec
    groups = (nl.RTNLGRP_LINK,)
    inputs = (Input(LinkRefreshSpec),)
    outputs = (Output(LinkStatusSpec, EXCLUSIVE),)

    def snapshot(self, route_socket: RouteSocket, rt: Runtime) -> dict[str, Spec]:
        sysfs = rt.env.path("/sys")
        return {link.name: status(link, sysfs) for link in route_socket.links()}

"""What a host must offer before a cluster is begun; each refusal says what to do.

Nothing is guessed from version numbers or module lists: links are made in a throw-away network namespace, file systems
are looked up in /proc/filesystems, runc is run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from talos.linux import netlink as nl
from talos.linux import tap
from talos.linux.mount import mounts
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.linux.netlink_socket import RouteSocket
from talos.provision import cgroup, firmware, image, machine, qemu, seed, starts
from talos.provision.model import ProvisionError

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_SYS_PTRACE": 19, "CAP_MKNOD": 27}
_V1_CONTROLLERS = ("cpu", "cpuset", "cpuacct", "memory", "devices", "freezer", "pids")
_V2_CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
_BASE_BYTES = 1 << 30
_NODE_BYTES = 512 << 20
_MACHINE_BYTES = 2 << 30


def check(state: Path, image_file: Path, runc: Path, nodes: int) -> None:
    """All checks in turn; ProvisionError of the first that fails."""
    privileges()
    disk_space(state, nodes)
    file_systems(image_file)
    control_groups()
    runc_runs(runc)
    links()
    firewall()


def check_machines(
    state: Path, artefacts: machine.Artefacts, preset: str, nodes: int, start: starts.Start | None = None
) -> None:
    """The same for machines, which need no runc, no control groups and no file systems of the host."""
    start = start or starts.Start()
    privileges()
    disk_space(state, nodes, _MACHINE_BYTES)
    emulator(secure_boot=artefacts.secure_boot, folders=start.firmware_folders, uefi=start.uefi)
    seed_tools()
    for file in artefacts.needed(preset):
        if not file.is_file():
            builds = "`make artefacts` builds what machines boot from"
            if artefacts.secure_boot:
                builds = "`talosctl image build --secureboot-key … --enrolment …` builds it (docs/reference/boot.md)"
            raise ProvisionError(f"{file} does not exist: {builds}; --image names another folder")
    links(("bridge",))
    if not Path(tap.DEVICE).exists():
        raise ProvisionError(f"the kernel offers no TAP devices ({tap.DEVICE} is missing): run `modprobe tun`")
    firewall()


def check_ipv6() -> None:
    """What a cluster with IPv6 addresses needs besides."""
    off = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
    if not off.exists():
        raise ProvisionError("--ipv6: this host's kernel has no IPv6: leave the flag out")
    if off.read_text().strip() != "0":
        raise ProvisionError(
            "--ipv6: IPv6 is turned off on this host: run `sysctl net.ipv6.conf.default.disable_ipv6=0`, or leave the "
            "flag out"
        )


def emulator(*, secure_boot: bool = False, folders: Sequence[str] = (), uefi: bool = True) -> None:
    """QEMU and its firmware, which is looked for in `folders` first."""
    if shutil.which(qemu.PROGRAM) is None:
        raise ProvisionError(f"{qemu.PROGRAM} is not installed on this host: install the package qemu-system-x86")
    if uefi:
        firmware.find(folders, secure_boot=secure_boot)


def seed_tools() -> None:
    """What makes the disk that tells a machine who it is."""
    for name, package in (("mkfs.vfat", "dosfstools"), ("mcopy", "mtools")):
        if seed.program(name) is None:
            raise ProvisionError(f"{name} is not installed on this host: install the package {package}")


def privileges() -> None:
    """Root, or the capabilities that count."""
    text = Path("/proc/self/status").read_text()
    effective = next(int(line.split()[1], 16) for line in text.splitlines() if line.startswith("CapEff:"))
    missing = [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]
    if os.geteuid() != 0 or missing:
        lacking = f" (missing: {', '.join(missing)})" if missing else ""
        raise ProvisionError(
            f"missing privileges: a local cluster makes namespaces, links and control groups{lacking}; "
            "run the command as root, for example with sudo"
        )


def disk_space(state: Path, nodes: int, each: int = _NODE_BYTES) -> None:
    """Room for the nodes' storage where the state folder lies."""
    existing = state
    while not existing.exists():
        existing = existing.parent
    wanted = _BASE_BYTES + nodes * each
    free = shutil.disk_usage(existing).free
    if free < wanted:
        raise ProvisionError(
            f"disk full: {existing} has {free >> 20} MiB free, {nodes} nodes want {wanted >> 20} MiB; "
            "free some space or put the clusters elsewhere with --state"
        )


def file_systems(image_file: Path) -> None:
    """The kernel can mount the image and overlays."""
    kind = image.filesystem(image_file)
    if not Path("/dev/loop-control").exists():
        raise ProvisionError("the kernel offers no loop devices (/dev/loop-control is missing): run `modprobe loop`")
    for name in (kind, "overlay"):
        if name not in Path("/proc/filesystems").read_text().split():
            modprobe = shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin")
            loaded = modprobe and subprocess.run([modprobe, name], capture_output=True, check=False).returncode == 0
            if not loaded:
                raise ProvisionError(
                    f"the kernel has no {name} file system: run `modprobe {name}` or use another kernel"
                )


def control_groups() -> None:
    """Every controller that a node needs is mounted."""
    if cgroup.unified():
        offered = set(Path("/sys/fs/cgroup/cgroup.controllers").read_text().split())
        wanted: tuple[str, ...] = _V2_CONTROLLERS
    else:
        offered = {option for entry in mounts() if entry.fstype == "cgroup" for option in entry.super_options}
        wanted = _V1_CONTROLLERS
    missing = [name for name in wanted if name not in offered]
    if missing:
        raise ProvisionError(
            f"control group controllers not available here: {', '.join(missing)}; "
            "boot with them enabled, or give this container its host's control groups"
        )


def runc_runs(runc: Path) -> None:
    """runc starts at all: without libseccomp it ends with 127 and no useful word."""
    done = subprocess.run([str(runc), "--version"], capture_output=True, text=True, check=False)
    if done.returncode == 127:
        raise ProvisionError(f"{runc} does not start, a library is missing: install the package libseccomp2")
    if done.returncode != 0:
        raise ProvisionError(f"{runc} does not work: {(done.stderr or done.stdout).strip()}")


def links(kinds: tuple[str, ...] = ("bridge", "veth", "vxlan")) -> None:
    """Bridge, veth pair and VXLAN can be made."""
    namespace = new_network_namespace()
    try:
        with network_namespace(namespace):
            route_socket = RouteSocket()
        with route_socket:
            for kind in kinds:
                # VXLAN wants an id (IFLA_VXLAN_ID = 1), the others need no data.
                data = nl.attribute(1, 1) if kind == "vxlan" else b""
                try:
                    route_socket.link_add(f"test-{kind}", kind, data=data)
                except nl.NetlinkError as error:
                    raise ProvisionError(
                        f"the kernel cannot make {kind} links ({error}): run `modprobe {kind}` or use another kernel"
                    ) from error
    finally:
        os.close(namespace)


def wireguard() -> None:
    """The kernel has WireGuard, which containers have from their host alone."""
    try:
        links(("wireguard",))
    except ProvisionError as error:
        raise ProvisionError(f"--wireguard-cidr: {error}") from error


def firewall() -> None:
    """The host's nft program exists."""
    if shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
        raise ProvisionError("nft is not installed on this host: install the package nftables")

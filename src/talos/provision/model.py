"""What a local cluster is, and where it is kept.

A cluster is the folder `<state>/<name>`: `cluster.json` (this model), `runc/` (runc's own state) and `nodes/<node>/`.
Everything a command needs to show or remove a cluster follows from that folder, also after a crash: names of links,
firewall tables and control groups are derived from the folder's path, never remembered elsewhere.
Standard library only, since each node's monitor imports it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import time
import uuid
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

CONTROL_PLANE = "controlplane"
WORKER = "worker"
RUNC, QEMU = "runc", "qemu"
"""what runs the nodes: containers, or machines"""
UUID_NAME = "machine-"
USER_DISK_EXTRA = 8 << 20
"""bytes of a disk for volumes of the user beside these: tables at both ends, and what alignment takes"""
_VERSION = 1


def user_disk_serial(number: int) -> str:
    """By which the configuration selects a disk for volumes of the user (`cluster create --user-volumes`)."""
    return f"user-volumes-{number}"


class ProvisionError(Exception):
    """Something a person has to act on; the text says what failed and what to do next."""


@dataclass(slots=True)
class NodeModel:
    """One node. memory in bytes and cpus in cores are limits of a container's control group (0 = none), and what a
    machine has."""

    name: str
    role: str
    address: str
    index: int
    memory: int = 0
    cpus: float = 0.0
    second_address: str = ""
    """of dual stack: the IPv6 one"""

    @property
    def addresses(self) -> list[str]:
        """One of each family that the cluster has, IPv4 first."""
        return [self.address, self.second_address] if self.second_address else [self.address]


@dataclass(slots=True)
class PortMapping:
    """A port of the host that leads to the first control plane node."""

    host_ip: str
    host_port: int
    node_port: int
    protocol: str = "tcp"


@dataclass(slots=True)
class Mount:
    """A folder or file of the host that every container node sees."""

    source: str
    destination: str
    read_only: bool = False


@dataclass(slots=True)
class ClusterModel:
    """A cluster as created."""

    name: str
    subnet: str
    gateway: str
    mtu: int
    image: str
    image_id: str
    runc: str
    kubernetes_version: str
    endpoint: str = ""
    talos_version: str = ""
    nodes: list[NodeModel] = field(default_factory=list)
    ports: list[PortMapping] = field(default_factory=list)
    created: float = field(default_factory=time.time)
    host_settings: dict[str, str] = field(default_factory=dict)
    boot_limit_s: float = 600.0
    """how long a node with two slots may take to say that it came up well, before it is started again"""
    provisioner: str = RUNC
    preset: str = ""
    """of machines: what they start from; image is that file"""
    disks: list[int] = field(default_factory=list)
    """of machines: bytes of each, the system's first"""
    disk_drivers: list[str] = field(default_factory=list)
    """of machines: how each hangs on it (talos.provision.qemu.DRIVERS); virtio where none is named"""
    disk_serials: list[str] = field(default_factory=list)
    """of machines: serial numbers of disks, "" or none for one that is made up"""
    disk_sector: int = 512
    """of machines: bytes of a sector of their disks, where the driver has others than 512"""
    worker_disks: int = 0
    """of machines: how many of the last disks workers alone have"""
    iommu: bool = False
    """machines with an IOMMU"""
    emulated: bool = False
    """machines without KVM"""
    tpm: bool = False
    """machines with a TPM, in software"""
    tpm_version: int = 2
    """1: TPM 1.2"""
    kernel_arguments: str = ""
    """of machines, beside the system's own"""
    initramfs: str = ""
    command_line: str = ""
    """file, and arguments of the kernel, that go with `image` where that is a kernel"""
    medium: str = ""
    """of machines: what lies in the CD drive to be installed, where they do not start from a CD"""
    boot_script: str = ""
    """of machines that start over the network: URL of what iPXE runs"""
    bootloader: bool = True
    """machines start from their disk once it has a system"""
    uefi: bool = True
    firmware: list[str] = field(default_factory=list)
    """of machines: UEFI code and variables; the package ovmf's if there are none"""
    bad_rtc: bool = False
    """the clocks of machines begin wrong, and a server on the bridge tells the time"""
    config_method: str = ""
    """how machines get their configuration: one of talos.provision.seed.METHODS; "": by a seed"""
    mounts: list[Mount] = field(default_factory=list)
    airgapped: bool = False
    """nothing that nodes send leaves the network of the cluster"""
    no_masquerade: list[str] = field(default_factory=list)
    """networks that see the nodes' own addresses"""
    ipv6: bool = True
    """False: links have not even addresses of their own (fe80::)"""
    second_subnet: str = ""
    """of dual stack: the IPv6 one; subnet and gateway are IPv4 then, and IPv6 in a cluster that has nothing else"""
    second_gateway: str = ""
    chaos: list[str] = field(default_factory=list)
    """what tc is told of each node's network card (talos.provision.chaos)"""
    version: int = _VERSION

    @property
    def control_planes(self) -> list[NodeModel]:
        return [node for node in self.nodes if node.role == CONTROL_PLANE]

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """The first, which node addresses and the Kubernetes endpoint are of."""
        return ipaddress.ip_network(self.subnet)

    @property
    def subnets(self) -> list[str]:
        """One of each family."""
        return [self.subnet, self.second_subnet] if self.second_subnet else [self.subnet]

    @property
    def gateways(self) -> list[str]:
        """This host's address in each subnet."""
        return [self.gateway, self.second_gateway] if self.second_subnet else [self.gateway]

    @property
    def families(self) -> list[int]:
        """4 and 6, or one of them, in the order of subnets."""
        return [ipaddress.ip_network(subnet).version for subnet in self.subnets]

    def disk_driver(self, number: int) -> str:
        """Of a machine's disk, from 0."""
        return self.disk_drivers[number] if number < len(self.disk_drivers) else "virtio"

    def disk_serial(self, number: int) -> str:
        """Of a machine's disk, from 0."""
        return (self.disk_serials[number : number + 1] or [""])[0] or f"disk{number}"

    def disk_count(self, node: NodeModel) -> int:
        """How many of the disks this machine has."""
        return len(self.disks) - (self.worker_disks if node.role == CONTROL_PLANE else 0)

    @property
    def machines(self) -> bool:
        """Whether its nodes are virtual machines."""
        return self.provisioner == QEMU


class ClusterDirectory:
    """Paths and derived names of one cluster."""

    def __init__(self, state: Path, name: str) -> None:
        # Removal deletes this folder with all that is in it: a name may not lead anywhere else, or to the state itself.
        if "/" in name or name in ("", ".", ".."):
            raise ProvisionError(f"{name!r} is not the name of a cluster: it names a folder in {state}, and no other")
        self.name = name
        self.path = state.absolute() / name
        self.tag = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:8]

    @property
    def model_file(self) -> Path:
        return self.path / "cluster.json"

    @property
    def json_logs(self) -> Path:
        """What talos.provision.log_receiver received."""
        return self.path / "json-logs.log"

    @property
    def key_server(self) -> Path:
        """Process and key of the cluster's key server (talos.provision.key_server)."""
        return self.path / "kms.json"

    @property
    def key_server_log(self) -> Path:
        return self.path / "kms.log"

    @property
    def time_server_log(self) -> Path:
        return self.path / "time-server.log"

    @property
    def config_server_log(self) -> Path:
        return self.path / "config-server.log"

    @property
    def netboot_log(self) -> Path:
        return self.path / "netboot.log"

    @property
    def runc_root(self) -> Path:
        return self.path / "runc"

    @property
    def bridge(self) -> str:
        return f"talos{self.tag}"

    @property
    def table(self) -> str:
        """nftables table, family inet."""
        return f"talos{self.tag}"

    @property
    def cgroup(self) -> str:
        """Control group below which the nodes' groups lie, relative to each hierarchy's root."""
        return f"talos-{self.tag}"

    def veth(self, node: NodeModel) -> str:
        """The host's end of a node's network card, of a container or a machine."""
        return f"tv{self.tag}-{node.index}"

    def hardware_address(self, node: NodeModel) -> str:
        """Of a machine's network card: locally administered, another one in every cluster of this host."""
        text = f"02{self.tag[:6]}{node.index:04x}"
        return ":".join(text[at : at + 2] for at in range(0, 12, 2))

    def machine_id(self, node: NodeModel) -> str:
        """A machine's UUID, as its firmware tells it."""
        if node.name.startswith(UUID_NAME):  # --with-uuid-hostnames: named as the firmware says
            return node.name.removeprefix(UUID_NAME)
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.path}/{node.name}"))

    def container(self, node: NodeModel) -> str:
        return f"{self.tag}-{node.name}"

    def node(self, name: str) -> NodeDirectory:
        return NodeDirectory(self.path / "nodes" / name)

    @property
    def image_cache(self) -> Path:
        """Process that serves images to the nodes (talos.provision.image_cache)."""
        return self.path / "image-cache.json"

    @property
    def image_cache_log(self) -> Path:
        return self.path / "image-cache.log"

    def exists(self) -> bool:
        return self.path.exists()

    def foreign(self) -> list[str]:
        """Entries of the folder that no cluster makes; a removal that was interrupted leaves none of them."""
        ours = (
            *("cluster.json", "runc", "nodes", "talosconfig", "kubeconfig", "json-logs.log", "kms.json", "kms.log"),
            *("time-server.log", "config-server.log", "netboot.log"),
        )
        entries = [entry.name for entry in self.path.iterdir()] if self.path.is_dir() else []
        known = {*ours, self.image_cache.name, self.image_cache_log.name}
        partial = tuple(f".{name}." for name in known)
        return sorted(name for name in entries if name not in known and not name.startswith(partial))

    def load(self) -> ClusterModel:
        """The model; ProvisionError if the cluster is absent or its file unreadable."""
        try:
            data = json.loads(self.model_file.read_text())
        except FileNotFoundError as error:
            raise ProvisionError(
                f"cluster {self.name!r} not found in {self.path.parent}: create it with "
                f"`talosctl cluster create --name {self.name}`"
            ) from error
        except ValueError as error:
            raise ProvisionError(f"{self.model_file} is damaged ({error}): run `talosctl cluster destroy`") from error
        try:
            # A key that this version does not know is left out: another version of the program wrote the file.
            values = {item.name: data[item.name] for item in fields(ClusterModel) if item.name in data}
            values["nodes"] = [NodeModel(**node) for node in data["nodes"]]
            values["ports"] = [PortMapping(**port) for port in data["ports"]]
            values["mounts"] = [Mount(**mount) for mount in data.get("mounts", [])]
            return ClusterModel(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ProvisionError(f"{self.model_file} is damaged ({error}): run `talosctl cluster destroy`") from error

    def save(self, model: ClusterModel) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(self.model_file, json.dumps(asdict(model), indent=2) + "\n")


class NodeDirectory:
    """Files of one node."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def state(self) -> Path:
        """Bound at /system/state."""
        return self.path / "state"

    @property
    def ephemeral(self) -> Path:
        """Bound at /var."""
        return self.path / "var"

    @property
    def boot(self) -> Path:
        """Bound at /boot: the slots."""
        return self.path / "boot"

    @property
    def rootfs(self) -> Path:
        """Where the monitor mounts the image, in a mount namespace of its own."""
        return self.path / "rootfs"

    @property
    def user_data(self) -> Path:
        """Machine configuration handed over as USERDATA; absent = maintenance mode."""
        return self.path / "userdata.yaml"

    def disk(self, number: int) -> Path:
        """A machine's disk, from 0."""
        return self.path / f"disk{number}.raw"

    @property
    def seed(self) -> Path:
        """The disk that tells a machine who it is."""
        return self.path / "seed.raw"

    @property
    def firmware_variables(self) -> Path:
        return self.path / "vars.fd"

    @property
    def tpm(self) -> Path:
        """What a machine's TPM keeps."""
        return self.path / "tpm"

    @property
    def console(self) -> Path:
        return self.path / "console.log"

    @property
    def monitor_log(self) -> Path:
        return self.path / "monitor.log"

    @property
    def monitor_status(self) -> Path:
        return self.path / "monitor.json"


def write_atomic(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file in one step, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    temporary.replace(path)


def host_port(host: str, port: int) -> str:
    """As it stands in a URL: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def clusters(state: Path) -> list[str]:
    """Names of the clusters in a state folder."""
    if not state.is_dir():
        return []
    return sorted(entry.name for entry in state.iterdir() if (entry / "cluster.json").exists())

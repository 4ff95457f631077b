"""Creation of a cluster: everything that can start together does.

The order is given by what really waits for what: model and network before nodes, then the control plane's API,
`bootstrap`, the kubeconfig, and the Kubernetes API, where a watch tells when all nodes are Ready. Workers are started
when the control plane's API answers: before, they can only take the processor from it (with 2 cores, 3 nodes are Ready
a quarter sooner that way). A failure at any point keeps the log lines that matter, removes everything and raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from talos.provision import destroy as destroying
from talos.provision import (
    disk_image,
    host,
    image_cache,
    key_server,
    log_receiver,
    machine,
    monitors,
    network,
    preflight,
    qemu,
    starts,
    subnet,
    tpm,
)
from talos.provision import image as images
from talos.provision.chaos import Chaos
from talos.provision.configs import ConfigOptions, GeneratedConfigs
from talos.provision.flag_documents import KMS
from talos.provision.model import (
    CONTROL_PLANE,
    QEMU,
    RUNC,
    UUID_NAME,
    WORKER,
    ClusterDirectory,
    ClusterModel,
    Mount,
    NodeModel,
    PortMapping,
    ProvisionError,
    host_port,
    write_atomic,
)
from talos.provision.progress import Progress, Silent

_NODE_CHECK_S = 0.25
_MONITOR_START_S = 20.0
_TAIL_LINES = 15
VIP_OFFSET = 50

T = TypeVar("T")


@dataclass(slots=True)
class CreateOptions:
    """Everything `cluster create` can be told. memory in bytes, cpus in cores, 0 = no limit; times in seconds.

    For machines: image is the folder of the artefacts, presets what they start from, disks the bytes of each.
    wait_timeout_s is multiplied under emulation where scale_wait says so."""

    name: str
    state: Path
    controlplanes: int = 1
    workers: int = 1
    subnet: str | None = None
    mtu: int = 1500
    memory_controlplanes: int = 2 << 30
    memory_workers: int = 2 << 30
    cpus_controlplanes: float = 2.0
    cpus_workers: float = 2.0
    kubernetes_version: str = ""
    image: str | None = None
    ports: list[PortMapping] = field(default_factory=list)
    endpoint: str | None = None
    config: ConfigOptions = field(default_factory=ConfigOptions)
    inject_config: bool = True
    use_vip: bool = False
    """the control plane nodes share an address"""
    apply_config: bool = False
    """start the nodes in maintenance mode and give them their configuration by its API"""
    mounts: list[Mount] = field(default_factory=list)
    airgapped: bool = False
    no_masquerade: tuple[str, ...] = ()
    ipv4: bool = True
    ipv6: bool = False
    """addresses of these families in the cluster's network"""
    link_ipv6: bool = True
    """whether links have IPv6 addresses of their own"""
    chaos: Chaos = field(default_factory=Chaos)
    wait: bool = True
    wait_for_nodes: bool = True
    """until they are Ready; else until they are registered"""
    wait_timeout_s: float = 1200.0
    keep_on_failure: bool = False
    provisioner: str = RUNC
    presets: list[str] = field(default_factory=list)
    disks: list[int] = field(default_factory=lambda: [10 << 30])
    disk_drivers: list[str] = field(default_factory=list)
    disk_serials: list[str] = field(default_factory=list)
    disk_sector: int = 512
    worker_disks: int = 0
    start_file: str = ""
    start: starts.Start = field(default_factory=starts.Start)
    iommu: bool = False
    uuid_hostnames: bool = False
    scale_wait: bool = False
    tpm: bool = False
    kernel_arguments: str = ""


@dataclass(slots=True)
class CreatedCluster:
    """What the caller gets. kubeconfig is None when it was not waited for."""

    directory: ClusterDirectory
    model: ClusterModel
    talosconfig: str
    kubeconfig: str | None = None


class CreateError(ProvisionError):
    """Creation failed; logs holds the lines that matter, by source. removed is False when removal failed as well."""

    def __init__(self, message: str, logs: dict[str, list[str]], *, removed: bool = True) -> None:
        super().__init__(message)
        self.logs = logs
        self.removed = removed


async def create(options: CreateOptions, progress: Progress | None = None) -> CreatedCluster:
    """Create a cluster and wait until its nodes are Ready. ProvisionError before anything was made, CreateError after
    everything was removed again."""
    progress = progress or Silent()
    directory = ClusterDirectory(options.state, options.name)
    with host.decisions():
        progress.phase("checking this host")
        model = prepare(options, directory)
        if options.config.image_cache is not None:
            image_cache.check(options.config.image_cache, model.gateway)
        generated: GeneratedConfigs | None = None
        if _configured(options):
            progress.phase("generating secrets and configurations")
            from talos.provision.generate import generate

            generated = generate(model, options.config)
        try:
            _claim(directory, model)
        except BaseException:
            destroying.destroy(directory)
            raise
    limit_s = options.wait_timeout_s
    if model.emulated and options.scale_wait:
        limit_s *= machine.EMULATED_FACTOR
    try:
        async with asyncio.timeout(limit_s):
            return await _create(options, directory, model, generated, progress)
    except BaseException as error:
        progress.failed()
        logs = collect_logs(directory, model)
        if not options.keep_on_failure:
            progress.phase("cleaning up")
            try:
                destroying.destroy(directory)
            except Exception as failure:
                raise CreateError(
                    f"{error or type(error).__name__}; what was made could not be removed ({failure}): "
                    f"run `talosctl cluster destroy --name {options.name}`",
                    logs,
                    removed=False,
                ) from error
        if isinstance(error, TimeoutError):
            raise CreateError(
                f"cluster {options.name} was not ready after {limit_s:.0f} s (--wait-timeout)", logs
            ) from error
        if isinstance(error, ProvisionError):
            raise CreateError(str(error), logs) from error
        raise


def prepare(options: CreateOptions, directory: ClusterDirectory) -> ClusterModel:
    """Checks and decisions; makes nothing."""
    if directory.exists():
        raise ProvisionError(
            f"cluster {options.name!r} exists already in {options.state}: take another --name, "
            f"or remove it with `talosctl cluster destroy --name {options.name}`"
        )
    if options.controlplanes < 1:
        raise ProvisionError(f"--controlplanes {options.controlplanes}: a cluster needs at least one")
    if not options.config.kubernetes:
        _without_kubernetes(options)
    if options.workers < 0:
        raise ProvisionError(f"--workers {options.workers}: must not be negative")
    if not options.ipv4 and not options.ipv6:
        raise ProvisionError("--ipv4=false leaves the nodes without any address: add --ipv6")
    if options.ipv6:
        preflight.check_ipv6()
        if not options.link_ipv6:
            raise ProvisionError("--ipv6 and --disable-ipv6 exclude each other: leave one of them out")
    wanted = subnet.parse(options.subnet, "--subnet") if options.subnet else None
    count = options.controlplanes + options.workers
    if options.provisioner == QEMU:
        model = _machines(options, count)
    else:
        image_file = images.find_image(options.image)
        runc = images.find_runc(image_file)
        preflight.check(options.state, image_file, runc, count)
        if options.config.wireguard:
            preflight.wireguard()
        model = _model(options, image_file)
        model.runc = str(runc)
    chosen = subnet.choose(wanted, network.taken_networks(), count, ipv4=options.ipv4, ipv6=options.ipv6)
    model.subnet, model.gateway = str(chosen[0]), str(chosen[0][1])
    if len(chosen) > 1:
        model.second_subnet, model.second_gateway = str(chosen[1]), str(chosen[1][1])
    model.nodes = nodes(options, *chosen)
    host_name = model.nodes[0].address
    if options.use_vip:
        host_name = _virtual_ip(options, chosen[0])
        options.config = replace(options.config, virtual_ip=host_name)
    if options.config.wireguard:
        from talos.provision import wireguard

        wireguard.check(model, options.config.wireguard)
    model.endpoint = options.endpoint or f"https://{host_port(host_name, options.config.control_plane_port)}"
    network.check_ports(model)
    model.airgapped = options.airgapped
    model.no_masquerade = [str(subnet.parse_any(text, "--no-masquerade-cidrs")) for text in options.no_masquerade]
    model.ipv6 = options.link_ipv6
    model.chaos = options.chaos.words()
    model.mounts = list(options.mounts)
    return model


def _without_kubernetes(options: CreateOptions) -> None:
    """Flags that say how Kubernetes or etcd run have no meaning. ProvisionError names them."""
    default, config = ConfigOptions(), options.config
    given = {
        "--with-init-node": config.init_node,
        "--use-vip": options.use_vip,
        "--custom-cni-url": config.cni_urls,
        "--control-plane-port": config.control_plane_port != default.control_plane_port,
        "--kubeprism-port": config.kube_prism_port != default.kube_prism_port,
    }
    if flags := [flag for flag, value in given.items() if value]:
        raise ProvisionError(
            f"--skip-etcd-k8s and {', '.join(flags)}: the nodes run neither Kubernetes nor etcd, leave one of them out"
        )


def _virtual_ip(options: CreateOptions, network_: subnet.Network) -> str:
    """Behind all nodes. ProvisionError."""
    if options.provisioner == QEMU:
        raise ProvisionError("--use-vip: a machine names its links by itself, patch a Layer2VIPConfig with that name")
    if 2 + options.controlplanes + options.workers >= VIP_OFFSET or network_.num_addresses <= VIP_OFFSET + 1:
        raise ProvisionError(f"--use-vip takes the address {VIP_OFFSET} of the subnet, which {network_} has not free")
    return str(network_[VIP_OFFSET])


def _model(options: CreateOptions, image_file: Path) -> ClusterModel:
    return ClusterModel(
        name=options.name,
        subnet="",
        gateway="",
        mtu=options.mtu,
        image=str(image_file),
        image_id=image_id(image_file),
        runc="",
        kubernetes_version=options.kubernetes_version,
        talos_version=options.config.talos_version,
        ports=list(options.ports),
    )


def _machines(options: CreateOptions, count: int) -> ClusterModel:
    """The model of a cluster of machines, without network and nodes."""
    start, _ = machine.preset(options.presets)
    for flag, memory in (
        ("--memory-controlplanes", options.memory_controlplanes),
        ("--memory-workers", options.memory_workers),
    ):
        if not memory:
            raise ProvisionError(f"{flag} 0: a machine has memory of a given size, for example 2GiB")
    if not options.disks or options.disks[0] < machine.SMALLEST_DISK:
        raise ProvisionError(f"--disks: the first one holds the system and needs {machine.SMALLEST_DISK >> 30}GiB")
    secure_boot = start == machine.ISO_SECURE_BOOT
    starts.check(options.start, start)
    found = machine.artefacts(
        *(options.image, images.REPOSITORY, options.start_file),
        secure_boot=secure_boot,
        initramfs=options.start.initramfs,
    )
    if options.config.encrypts and "tpm" in options.config.encryption_keys:
        if options.start.tpm1:
            raise ProvisionError("--disk-encryption-key-types tpm: a TPM 1.2 cannot seal keys, use --with-tpm2")
        if not options.tpm:
            raise ProvisionError("--disk-encryption-key-types tpm: the machines need a chip, add --with-tpm2")
    preflight.check_machines(options.state, found, start, count, options.start)
    if start == machine.DISK_IMAGE:
        disk_image.check(found.disk, options.disk_sector)
    if options.tpm:
        tpm.check()
    model = _model(options, found.image(start))
    model.provisioner, model.preset, model.disks = QEMU, start, list(options.disks)
    model.disk_drivers, model.disk_serials = list(options.disk_drivers), list(options.disk_serials)
    model.disk_sector, model.worker_disks, model.iommu = options.disk_sector, options.worker_disks, options.iommu
    model.tpm, model.kernel_arguments = options.tpm, options.kernel_arguments
    starts.remember(model, options.start, found, injected=_configured(options) and not options.apply_config)
    model.emulated = qemu.accelerator(found.kernel) == qemu.EMULATION
    return model


def _configured(options: CreateOptions) -> bool:
    """Whether the nodes are given a configuration; else they stay in maintenance mode."""
    if options.provisioner == QEMU and machine.preset(options.presets)[1]:
        return False
    return options.inject_config


def nodes(options: CreateOptions, first: subnet.Network, second: subnet.Network | None = None) -> list[NodeModel]:
    """Names and addresses in order: control planes from the second host address on, then workers."""
    found = []
    for index in range(options.controlplanes + options.workers):
        control_plane = index < options.controlplanes
        number = index + 1 if control_plane else index + 1 - options.controlplanes
        role = CONTROL_PLANE if control_plane else WORKER
        found.append(
            NodeModel(
                name=f"{UUID_NAME}{uuid.uuid4()}" if options.uuid_hostnames else f"{options.name}-{role}-{number}",
                role=role,
                address=str(first[2 + index]),
                second_address="" if second is None else str(second[2 + index]),
                index=index + 1,
                memory=options.memory_controlplanes if control_plane else options.memory_workers,
                cpus=options.cpus_controlplanes if control_plane else options.cpus_workers,
            )
        )
    return found


def image_id(image_file: Path) -> str:
    """Names a build of the image without reading 100 MB: size and modification time."""
    stat = image_file.stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _claim(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Take name and subnet. The model is on disk before anything is made, for destroy to find."""
    host.prepare(directory, model)
    network.create(directory, model)


async def _create(
    options: CreateOptions,
    directory: ClusterDirectory,
    model: ClusterModel,
    generated: GeneratedConfigs | None,
    progress: Progress,
) -> CreatedCluster:
    if options.config.encrypts and KMS in options.config.encryption_keys:
        await asyncio.to_thread(key_server.start, directory, model)
    if options.config.image_cache is not None:
        await asyncio.to_thread(image_cache.start, directory, model, options.config.image_cache)
    how = " (emulated, which takes minutes: no KVM here)" if model.emulated else ""
    if options.config.json_logs:
        await asyncio.to_thread(log_receiver.start, directory, model)
    for start in starts.servers(model):
        await asyncio.to_thread(start, directory, model)
    progress.phase(f"starting {len(model.nodes)} nodes on {' and '.join(model.subnets)}{how}")
    later = []
    for node in model.nodes:
        files = directory.node(node.name)
        user_data = generated.of(node) if generated is not None and not options.apply_config else None
        if model.machines:
            files.path.mkdir(parents=True)
            await asyncio.to_thread(machine.prepare, directory, model, node, user_data)
        else:
            files.state.mkdir(parents=True)
            files.ephemeral.mkdir()
            files.boot.mkdir()
            if user_data is not None:
                write_atomic(files.user_data, user_data)
        if options.wait and not options.apply_config and generated is not None and node.role == WORKER:
            later.append(node)
        else:
            monitors.start(directory, node)
    talosconfig = generated.talosconfig if generated is not None else ""
    created = CreatedCluster(directory, model, talosconfig)
    if generated is None:
        return created
    write_atomic(directory.path / "talosconfig", talosconfig)
    if options.apply_config:
        from talos.provision.wait import apply_configs

        await _first(apply_configs(model, generated.of, progress), _watch_nodes(directory, model, later))
    if options.wait:
        from talos.provision.wait import bring_up, wait_machines

        def start_workers() -> None:
            for node in later:
                monitors.start(directory, node)
            later.clear()

        if not options.config.kubernetes:
            await _first(
                wait_machines(model, talosconfig, progress, start_workers), _watch_nodes(directory, model, later)
            )
            return created
        created.kubeconfig = await _first(
            bring_up(
                model,
                talosconfig,
                progress,
                start_workers,
                ready=options.wait_for_nodes,
                bootstrap=not options.config.init_node,
            ),
            _watch_nodes(directory, model, later),
        )
        write_atomic(directory.path / "kubeconfig", created.kubeconfig)
    return created


async def _first(work: Coroutine[Any, Any, T], guard: Coroutine[Any, Any, NoReturn]) -> T:
    """The result of work, or the exception of guard if that comes before. (A TaskGroup would wrap it in a group.)"""
    tasks = (asyncio.ensure_future(work), asyncio.ensure_future(guard))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[1].done():
            tasks[1].result()
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch_nodes(directory: ClusterDirectory, model: ClusterModel, later: list[NodeModel]) -> NoReturn:
    """Raises as soon as a node or its monitor is down: waiting on would only time out. `later` are not started yet."""
    started = time.monotonic()
    while True:
        if later:
            started = time.monotonic()
        for node in model.nodes:
            status = monitors.status(directory, node)
            if status is None:
                if not later and time.monotonic() - started > _MONITOR_START_S:
                    raise ProvisionError(f"the monitor of node {node.name} did not start")
            elif not status.alive or status.state in ("crashed", "failed", "stopped"):
                raise ProvisionError(f"node {node.name} {status.state} (status {status.status})")
        await asyncio.sleep(_NODE_CHECK_S)


def collect_logs(directory: ClusterDirectory, model: ClusterModel) -> dict[str, list[str]]:
    """Ends of the logs that tell why a cluster does not come up. Read from the nodes' folders: needs no API."""
    found: dict[str, list[str]] = {}
    for node in model.nodes:
        files = directory.node(node.name)
        sources = {"monitor": files.monitor_log, "console": files.console}
        names = ("machined", "apid", "containerd", "kubelet", "etcd")
        sources |= {name: files.ephemeral / "log" / f"{name}.log" for name in names}
        for name, path in sources.items():
            with contextlib.suppress(OSError):
                with path.open("rb") as file:
                    file.seek(0, 2)
                    file.seek(max(file.tell() - 16384, 0))
                    lines = file.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
                if lines:
                    found[f"{node.name} {name}"] = lines
    return found

"""The tasks of the sequences. A function's name is the task's name in events, hence the contract's camelCase."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talos.at_first_use import at_first_use
from talos.machined import init_control, startup
from talos.resources.enums import MachineStage
from talos.resources.runtime import MachineResetSignalSpec

if TYPE_CHECKING:
    from talos.machined import cri, user_files
    from talos.machined.node import Node
    from talos.machined.sequences import Request
else:
    cri = at_first_use("talos.machined.cri")
    user_files = at_first_use("talos.machined.user_files")

log = logging.getLogger("machined.task")

ALWAYS = ("machined", "apid", "networkd", "timed", "containerd")
POD_GRACE_LIMIT_S = 30
# kube-apiserver waits up to a minute for watches of clients, this node's own among them; its data are in etcd.
STATIC_POD_GRACE_S = 5
POD_STOP_LIMIT_S = 60.0
CONFIG_SOURCE, API = "kubernetes.io/config.source", "api"
DRAIN_LIMIT_S = 60.0
REPORT_LIMIT_S = 2.0
LEAVE_LIMIT_S = 60.0
MINIMUM_MEMORY = {"control plane": 2 << 30, "worker": 1 << 30}
MINIMUM_EPHEMERAL = 6 << 30
USABLE = 0.85
"""of what a machine is said to have, after the firmware, the kernel and the file system took theirs"""
SERVICES_STOP_LIMIT_S = 60.0
SLOW_STOP_S = 5.0


# -- initialize --


async def startMachined(node: Node, _request: Request) -> None:
    node.supervisor.start("machined")


async def startApid(node: Node, _request: Request) -> None:
    node.supervisor.start("apid", "networkd", "timed")


async def startContainerd(node: Node, _request: Request) -> None:
    node.supervisor.start("containerd")


async def loadConfig(node: Node, _request: Request) -> None:
    if not await node.config.load():
        if problem := node.config.refused:
            log.error("%s; the API stays closed: repair that and restart the node, or wipe STATE", problem)
            await node.sequencer.set_stage(MachineStage.BOOTING, "initialize", "config", problem)
        else:
            log.info("no machine configuration: the node is in maintenance mode and waits for one")
            await node.sequencer.set_stage(MachineStage.MAINTENANCE, "initialize", "config")
        await node.config.wait_loaded()


async def install(node: Node, _request: Request) -> None:
    from talos.machined.disk import installation

    await installation.run(node)


# -- boot --


async def memorySizeCheck(node: Node, _request: Request) -> None:
    """A machine that is too small is told so, and goes on: what it will run is not known here."""
    if node.env.in_container:
        return  # /proc/meminfo is its host's
    text = node.env.path("/proc/meminfo").read_text()
    total = int(text.split("MemTotal:", 1)[1].split()[0]) << 10
    role = "control plane" if (config := node.config.current) and config.machine.is_control_plane else "worker"
    if total < MINIMUM_MEMORY[role] * USABLE:
        log.warning("%d MiB of memory: a %s node should have %d", total >> 20, role, MINIMUM_MEMORY[role] >> 20)


async def diskSizeCheck(node: Node, _request: Request) -> None:
    """As for memory, of the file system that images, containers and etcd share."""
    if node.env.in_container:
        return  # the volume is as large as what it is a folder of
    total = await asyncio.to_thread(lambda: shutil.disk_usage(node.env.path("/var")).total)
    if total < MINIMUM_EPHEMERAL * USABLE:
        log.warning("/var has %d MiB: a node should have %d", total >> 20, MINIMUM_EPHEMERAL >> 20)


async def setUserEnvVars(_node: Node, _request: Request) -> None:
    """Nothing to export: programs get their environment when they are started (node.program_environment)."""


async def waitForCARoots(node: Node, _request: Request) -> None:
    path = node.env.path("/etc/ssl/certs/ca-certificates.crt")
    if not path.exists():
        log.warning("%s does not exist: TLS connections to public servers will fail", path)


async def setupSharedFilesystems(_node: Node, _request: Request) -> None:
    startup.set_shared_propagation()


async def mountEphemeralPartition(node: Node, _request: Request) -> None:
    if not node.env.path("/var").is_dir():
        raise FileNotFoundError("/var does not exist: the node was started without its EPHEMERAL volume")
    if node.env.in_container:
        return
    from talos.machined.disk import layout, start

    if problem := start.problem(layout.EPHEMERAL):
        # Without it pods and etcd would fill the memory, and vanish with it. The API stays open for a reset.
        log.error("%s; the boot does not go on", problem)
        await node.sequencer.set_stage(MachineStage.BOOTING, "boot", "ephemeral", problem)
        await asyncio.Event().wait()


async def writeUserFiles(node: Node, _request: Request) -> None:
    """A file that cannot be written is no reason to stay down: the rest of the node works, and can be repaired."""
    config = node.config.current
    if config is None or not config.machine.files:
        return
    try:
        user_files.write(config.machine.files, node.env.root)
    except (OSError, ValueError) as error:
        log.error("machine.files: %s", error)


async def startAllServices(node: Node, _request: Request) -> None:
    ids = wanted_services(node)
    node.supervisor.start(*ids)
    await asyncio.gather(*(node.supervisor.wait_up(id) for id in ids))


def wanted_services(node: Node) -> tuple[str, ...]:
    """Services of a node with the current configuration."""
    config = node.config.current
    if config is None:
        return ALWAYS
    machine = config.machine
    return (
        *(*ALWAYS, "cri"),
        *(("trustd",) if machine.is_control_plane else ()),
        *(("etcd",) if machine.runs_etcd else ()),
        *(("kubelet",) if machine.runs_kubelet else ()),
    )


async def start_again(node: Node) -> None:
    """machined was restarted on a running node: the same services, adopted where they run."""
    await node.config.load()
    node.supervisor.start(*wanted_services(node))


# -- reboot, shutdown, reset --


async def stopAllPods(node: Node, _request: Request) -> None:
    await _end_pods(node, remove=False)


async def removeAllPods(node: Node, _request: Request) -> None:
    await _end_pods(node, remove=True)


async def _end_pods(node: Node, *, remove: bool) -> None:
    """Stop the kubelet, which would start pods again, then every pod; one that does not end is no reason to stay."""
    config = node.config.current
    if "kubelet" in node.supervisor and (config is None or config.machine.runs_kubelet):
        await node.supervisor.stop("kubelet")
        await _report_going_down(node)
    if not node.supervisor.runner("containerd").status.running:
        return
    try:
        async with asyncio.timeout(POD_STOP_LIMIT_S):
            containers = [c for c in await cri.containers() if c.state == 1]
            sandboxes = await cri.sandboxes()
            static = {s.id for s in sandboxes if s.annotations.get(CONFIG_SOURCE, API) != API}
            await asyncio.gather(*(_stop_container(node, c, c.pod_sandbox_id in static) for c in containers))
            await asyncio.gather(*(_quiet(cri.stop_sandbox(s.id)) for s in sandboxes if s.state == 0))
            if remove:
                await asyncio.gather(*(_quiet(cri.remove_sandbox(s.id)) for s in sandboxes))
    except TimeoutError:
        log.warning("pods did not end within %g s", POD_STOP_LIMIT_S)
    except Exception as error:
        log.warning("pods could not be stopped in order: %s", error)


async def _report_going_down(node: Node) -> None:
    from talos.kubernetes.drain import report_going_down

    try:
        async with asyncio.timeout(REPORT_LIMIT_S):
            await report_going_down(node.state, node.env, node.env.clock.now())
    except Exception as error:
        log.info("Kubernetes is not told that the node goes down: %s", error or type(error).__name__)


async def _stop_container(node: Node, container: Any, static: bool) -> None:
    clock, name = node.env.clock, container.metadata.name
    began = clock.monotonic()
    grace = min(_grace(container), STATIC_POD_GRACE_S) if static else _grace(container)
    await _quiet(cri.stop_container(container.id, grace))
    if (took := clock.monotonic() - began) > SLOW_STOP_S:
        log.warning("container %s took %.1f s to end", name, took)


def _grace(container: object) -> int:
    annotations = getattr(container, "annotations", {})
    try:
        asked = int(annotations.get("io.kubernetes.pod.terminationGracePeriod", POD_GRACE_LIMIT_S))
    except ValueError:
        asked = POD_GRACE_LIMIT_S
    return max(0, min(asked, POD_GRACE_LIMIT_S))


async def _quiet(step: object) -> None:
    try:
        await step  # type: ignore[misc]
    except Exception as error:
        log.warning("%s", error)


async def stopAllServices(node: Node, _request: Request) -> None:
    """One that does not end is no reason to stay: it is killed with what is left of its group.

    apid is the last: Talos' clients take the event of this task as the sign that a node shuts down or is reset, and the
    way to them is apid. Stopped with the others it was gone before it had passed the event on.
    """
    node.supervisor.deny_new()
    groups = ["podruntime/shim", "kubepods"]
    try:
        async with asyncio.timeout(SERVICES_STOP_LIMIT_S):
            await node.supervisor.stop_all(keep=("machined", "apid"))
            await node.supervisor.stop_all(keep=("machined",))
    except TimeoutError:
        running = [status.id for status in node.supervisor.statuses() if status.running and status.id != "machined"]
        log.error("services did not end within %g s: %s", SERVICES_STOP_LIMIT_S, ", ".join(running))
        groups.append("podruntime")
    for group in groups:
        await node.cgroups.kill_all(group)


async def cordonAndDrainNode(node: Node, request: Request) -> None:
    config = node.config.current
    if config is not None and not config.machine.runs_kubelet:
        return  # no node of Kubernetes: nothing but static containers, which end with it
    limit = request.drain_limit_s or DRAIN_LIMIT_S
    try:
        from talos.kubernetes.drain import cordon_and_drain

        async with asyncio.timeout(limit + REPORT_LIMIT_S):
            if left := await cordon_and_drain(node.state, node.env, limit):
                log.warning("pods that did not leave within %g s: %s", limit, ", ".join(left))
    except Exception as error:
        log.warning("the node is not drained: %s", error or type(error).__name__)


async def leaveEtcd(node: Node, _request: Request) -> None:
    if "etcd" not in node.supervisor or not node.supervisor.runner("etcd").status.running:
        return
    from talos.etcd.membership import leave

    async with asyncio.timeout(LEAVE_LIMIT_S):
        await leave(node.state)
    await node.supervisor.stop("etcd")
    await asyncio.to_thread(_empty, node.env.path("/var/lib/etcd"))


async def setSlot(node: Node, request: Request) -> None:
    node.upgrades.arm(request.kind, request.source)


async def sendResetSignal(node: Node, _request: Request) -> None:
    await node.state.modify(MachineResetSignalSpec, "machine", lambda spec: spec, owner="runtime.Sequencer")


async def wipeUserDisks(_node: Node, request: Request) -> None:
    """A disk that fails is no reason to leave the secrets of the system where they are: it is reported."""
    from talos.machined.disk import reset, user_disks

    try:
        await asyncio.to_thread(user_disks.wipe, request.disks)
    except reset.WipeError as error:
        log.error("%s", error)


async def wipeVolumes(node: Node, request: Request) -> None:
    if not node.env.in_container:
        from talos.machined.disk import layout, reset, start, system_disk
        from talos.machined.disk.meta_store import STATE_ENCRYPTION
        from talos.machined.disk.volumes import ELSEWHERE

        if (disk := await asyncio.to_thread(system_disk.find)) is None:
            log.info("nothing is wiped: this machine is not installed")
            return
        elsewhere = start.elsewhere()
        if layout.EPHEMERAL in request.wipe and not elsewhere:  # the disk that STATE remembers may be gone for good
            (node.env.path("/system/state") / ELSEWHERE).unlink(missing_ok=True)
        await asyncio.to_thread(reset.wipe, request.wipe, disk, elsewhere=elsewhere)
        if layout.STATE in request.wipe and layout.META not in request.wipe:
            await node.meta.delete(STATE_ENCRYPTION)  # the next configuration says whether STATE is encrypted
        return
    labels = request.wipe or ("EPHEMERAL", "STATE")
    folders = {"STATE": "/system/state", "EPHEMERAL": "/var"}
    for label in labels:
        if label not in folders:
            raise ValueError(f"volume {label} does not exist on a container node: it has {', '.join(folders)}")
        log.info("wiping %s", label)
        await asyncio.to_thread(_empty, node.env.path(folders[label]))


def _empty(folder: Path) -> None:
    """Remove everything in a folder; what is mounted below is unmounted first, and nothing is removed while something
    is: it may be a volume that belongs to somebody else. OSError."""
    from talos.linux.mount import MNT_DETACH, mounts, umount

    for mount in reversed(mounts()):
        if mount.target.startswith(f"{folder}/"):
            with contextlib.suppress(OSError):
                umount(mount.target, MNT_DETACH)
    if left := [mount.target for mount in mounts() if mount.target.startswith(f"{folder}/")]:
        raise OSError(f"{folder} is not wiped: {', '.join(left)} cannot be unmounted")
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=False)
        else:
            entry.unlink()


async def reboot(node: Node, _request: Request) -> None:
    # No sync(2): what has to last was written through (machined.durable, etcd), a container's page cache outlives it,
    # and on a machine PID 1 does it when nothing runs any more.
    init_control.tell(node.env, init_control.REBOOT)


async def shutdown(node: Node, _request: Request) -> None:
    init_control.tell(node.env, init_control.POWEROFF)

"""The firmware of one node: starts it, waits, starts it again on reboot, stops on power off.

One small process per node, detached from the command that created the cluster. It is a subreaper, so that runc can go
away after starting the container and the node's PID 1 becomes the monitor's own child, whose exit status is the node's
message: 0 power off, 64 reboot, anything else a crash. Killing the monitor leaves the node running; `cluster show` says
so and `cluster destroy` removes it.

It is the boot loader too (talos.provision.loader). A node with two slots that ends, or says nothing for boot_limit_s,
before it confirmed its boot is started again, from the slot that the counters then name: what panic= and a watchdog do
on a machine. A node that has only one slot, or came up well before it crashed, stays down for a person to look at.

Starting a node takes 23 MB of modules, waiting for it takes none: while the node runs, the process executes a waiter of
a dozen lines in its own place (9 MB), which executes the monitor again when the node ended. Same PID, same children,
same namespaces; the network namespace's descriptor is passed through.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from talos.linux.mount import MNT_DETACH, umount
from talos.linux.namespace import PR_SET_CHILD_SUBREAPER, prctl
from talos.provision import bundle, cgroup, network
from talos.provision.image import mount_image, own_mounts
from talos.provision.loader import Choice, Loader
from talos.provision.model import ClusterDirectory, ClusterModel, NodeDirectory, NodeModel, write_atomic
from talos.slots.entry import parse

REBOOT_STATUS = 64
LATE = 2
# -S -s -E: no .pth file and nothing of the caller's environment decides what is imported. msgspec is the one package
# that is not ours: the records of talos.linux and talos.slots are its Structs.
INTERPRETER = (sys.executable, "-S", "-s", "-E", "-c")
IMPORTS = f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r}); "
IMPORTS += f"sys.path.append({str(Path(msgspec.__file__).parents[1])!r}); "
PROGRAM = f"{IMPORTS}from talos.provision.monitor import main; main()"
# Arguments: state folder, cluster, node, PID, then what the monitor wants back. SIGTERM is blocked around execve(2),
# whose other side has no handler yet.
WAITER = f"""
import os, signal, sys
state, cluster, node, pid, armed, limit, *back = sys.argv[1:]
stopped = 0
def stop(number, frame):
    global stopped
    stopped = 1
    os.kill(int(pid), number)
def late(number, frame):
    global stopped
    if os.path.exists(armed):
        stopped = 2
        os.kill(int(pid), signal.SIGKILL)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGALRM, late)
signal.alarm(int(limit))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
status = 256
while True:
    try:
        ended, status = os.waitpid(-1, 0)
    except ChildProcessError:
        break
    if ended == int(pid):
        break
signal.alarm(0)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.execv(sys.executable, [*{INTERPRETER!r}, {PROGRAM!r}, state, cluster, node, str(status), str(stopped), *back])
"""
# A node that reboots at once for ever must not take the host with it.
_QUICK_BOOT_S = 2.0
_QUICK_BOOT_PAUSE_S = 1.0
# A busy host may keep a control group or a mount of the ended start for longer than we wait: no reason to stay down.
_RETRY_PAUSES_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True)
class Ended:
    """What the waiter carried from the start of a node to its end. armed: the slot's file as the start counted it."""

    boots: int
    began: float
    namespace: int
    mounted: str
    armed: str


class Monitor:
    """Runs one node of a cluster until it powers off."""

    def __init__(self, directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> None:
        self.directory = directory
        self.model = model
        self.node = node
        self.files = directory.node(node.name)
        self.container = directory.container(node)
        self.cgroup = f"{directory.cgroup}/{node.name}"
        self.loader = Loader(self.files.boot, Path(model.image))
        self.boots = 0
        self.init_pid = 0
        self.mounted = ""
        """identity of the image that is mounted"""

    def begin(self) -> NoReturn:
        """The first start. Ends in the waiter."""
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._report("starting")
        own_mounts()
        self.loader.seed()
        self._boot(self.loader.choose())

    def resume(self, status: int, stopped: int, ended: Ended) -> int:
        """The node ended with a wait status, told to (stopped 1) or because it said nothing for too long (2): start it
        again (in the waiter), or return the monitor's exit status."""
        self.boots, self.mounted = ended.boots, ended.mounted
        os.close(ended.namespace)
        code = os.waitstatus_to_exitcode(status)
        code = code if code >= 0 else 128 - code
        if stopped == 1 or code == 0:
            self._clean()
            self._report("stopped", code)
            return 0
        entry = parse(Path(ended.armed).name)
        unconfirmed = entry is not None and not self.loader.confirmed(entry)
        if entry is not None and unconfirmed and (code != REBOOT_STATUS or stopped == LATE):
            late = f"it was not healthy after {self.model.boot_limit_s:g} s"
            self.loader.failed(entry, late if stopped == LATE else f"PID 1 ended with status {code}")
        if code != REBOOT_STATUS and not (unconfirmed and self.loader.alternatives > 1):
            self._clean()
            self._report("crashed", code)
            print(f"node ended with status {code}; see {self.files.console}", flush=True)
            return 1
        print("reboot", flush=True)
        if time.monotonic() - ended.began < _QUICK_BOOT_S:
            time.sleep(_QUICK_BOOT_PAUSE_S)
        return self._boot_again()

    def _boot_again(self) -> NoReturn:
        """A start that fails is tried again, from the same slot, whose boot was counted; after a second failure from
        the one that the counters then name."""
        choice: Choice | None = None
        for number, pause in enumerate(_RETRY_PAUSES_S):
            try:
                self._clean()
                choice = choice or self.loader.choose()
                self._boot(choice)
            except Exception as error:
                print(f"{self.node.name} does not start again: {error}; next try in {pause:g} s", flush=True)
                if choice is not None and number % 2 and self.loader.alternatives > 1:
                    self.loader.failed(choice.entry, str(error))
                    choice = None
                time.sleep(pause)
        self._clean()
        self._boot(choice or self.loader.choose())

    def _boot(self, choice: Choice) -> NoReturn:
        self._mount(choice)
        namespace = network.attach(self.directory, self.model, self.node)
        began = time.monotonic()
        try:
            os.set_inheritable(namespace, True)
            self._write_bundle(namespace, choice)
            self.init_pid = self._start()
        except BaseException:
            os.close(namespace)
            raise
        self.boots += 1
        self._report("running")
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        identity = [str(self.directory.path.parent), self.directory.name, self.node.name]
        armed = str(self.loader.boot.file(choice.entry))
        limit = str(math.ceil(self.model.boot_limit_s) if self.loader.alternatives > 1 else 0)
        back = [str(self.boots), str(began), str(namespace), self.mounted, armed]
        os.execv(sys.executable, [*INTERPRETER, WAITER, *identity, str(self.init_pid), armed, limit, *back])

    def _mount(self, choice: Choice) -> None:
        """The chosen image at the node's root; what is mounted already stays, also when its file was built anew."""
        if choice.identity == self.mounted:
            return
        if self.mounted:
            umount(self.files.rootfs, MNT_DETACH)
        mount_image(choice.image, self.files.rootfs)
        self.mounted = choice.identity

    def _write_bundle(self, namespace: int, choice: Choice) -> None:
        config = bundle.config(
            self.model,
            self.node,
            self.files,
            cgroup="/" + self.cgroup,
            network_namespace=f"/proc/{os.getpid()}/fd/{namespace}",
            bounding=_bounding_set(),
            disk_majors=_disk_majors(),
            cgroup_v2=cgroup.unified(),
            booted=choice.entry.id,
        )
        write_atomic(self.files.path / "config.json", json.dumps(config))

    def _runc(self, *arguments: str) -> list[str]:
        log = str(self.files.path / "runc.log")
        return [self.model.runc, "--root", str(self.directory.runc_root), "--log", log, *arguments]

    def _start(self) -> int:
        pid_file = self.files.path / "init.pid"
        command = self._runc(
            "run", "--detach", "--bundle", str(self.files.path), "--pid-file", str(pid_file), self.container
        )
        console = os.open(self.files.console, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, check=False)
        finally:
            os.close(console)
        if done.returncode != 0:
            raise RuntimeError(f"runc could not start the node (status {done.returncode}); see {self.files.console}")
        return int(pid_file.read_text())

    def _clean(self) -> None:
        """What the ended start leaves: runc's record and control groups below the node's."""
        cgroup.kill(self.cgroup)
        subprocess.run(self._runc("delete", "--force", self.container), capture_output=True, check=False)
        cgroup.remove(self.cgroup)

    def report_failure(self) -> None:
        """The monitor itself cannot go on."""
        self._report("failed")

    def _report(self, state: str, status: int | None = None) -> None:
        report(self.files, state, status, boots=self.boots, init_pid=self.init_pid)


def report(files: NodeDirectory, state: str, status: int | None = None, *, boots: int = 0, init_pid: int = 0) -> None:
    """Say what the node does, for `cluster show` and whoever waits for it."""
    said = {
        "pid": os.getpid(),
        "start_time": start_time(os.getpid()),
        "state": state,
        "status": status,
        "boots": boots,
        "init_pid": init_pid,
        "since": time.time(),
    }
    write_atomic(files.monitor_status, json.dumps(said))


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat, which with the PID names a process for ever."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def _bounding_set() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return int(line.split()[1], 16)
    raise RuntimeError("no CapBnd in /proc/self/status")


def _disk_majors() -> list[int]:
    """Major numbers of the host's block devices but loop (7) and ram (1) devices."""
    majors = set()
    for entry in Path("/sys/class/block").iterdir():
        with contextlib.suppress(OSError, ValueError):
            majors.add(int((entry / "dev").read_text().split(":")[0]))
    return sorted(majors - {1, 7})


def main() -> None:
    """Arguments: state folder, cluster, node; after the waiter also the node's wait status, whether it was told to
    stop, and what _boot gave the waiter to carry."""
    state, cluster, name, *rest = sys.argv[1:]
    directory = ClusterDirectory(Path(state), cluster)
    model = directory.load()
    node = next(node for node in model.nodes if node.name == name)
    if model.machines:
        from talos.provision import machine

        try:
            raise SystemExit(machine.run(directory, model, node))
        except Exception as error:
            report(directory.node(name), "failed")
            print(f"monitor of {name}: {error}", flush=True)
            raise SystemExit(1) from error
    monitor = Monitor(directory, model, node)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    try:
        if not rest:
            monitor.begin()
        status, stopped, boots, began, namespace, mounted, armed = rest
        code = monitor.resume(
            int(status), int(stopped), Ended(int(boots), float(began), int(namespace), mounted, armed)
        )
    except Exception as error:
        monitor.report_failure()
        print(f"monitor of {name}: {error}", flush=True)
        raise SystemExit(1) from error
    raise SystemExit(code)

"""The sequences of a container node: which phases they have and which tasks run together in a phase.

Names are the contract's (constants.txt, boot sequences); phases that have nothing to do in a container are left out.
What a task does stands in `tasks`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from talos.machined import tasks

if TYPE_CHECKING:
    from talos.machined.node import Node

Task = Callable[["Node", "Request"], Awaitable[None]]


class Request(Struct, frozen=True):
    """What was asked for; kept on disk while it runs, so that a restarted machined goes on with it."""

    force: bool = False
    graceful: bool = True
    reboot: bool = False
    wipe: tuple[str, ...] = ()
    """volumes that a reset wipes; empty: all"""
    disks: tuple[str, ...] = ()
    """disks beside the system's that a reset wipes as well"""
    only_disks: bool = False
    """a reset leaves the system's own volumes alone"""
    kind: str = ""
    """upgrade or rollback, for the sequence that boots the other slot"""
    source: str = ""
    """what the image is called by whoever asked for it"""
    to_disk: bool = False
    """a machine: it may have to be installed"""
    drain_limit_s: float = 0.0
    """0: the node's own, negative: no drain"""
    actor_id: str = ""


class Phase(Struct, frozen=True):
    """Tasks that run at the same time; the phase ends when all have."""

    name: str
    tasks: tuple[Task, ...] = field(default_factory=tuple)


def _phase(name: str, *phase_tasks: Task) -> Phase:
    return Phase(name, phase_tasks)


_STOP_ALL = (_phase("stopEverything", tasks.stopAllServices),)


def initialize(_request: Request) -> Sequence[Phase]:
    return (
        _phase("machined", tasks.startApid, tasks.startMachined, tasks.startContainerd),
        _phase("config", tasks.loadConfig),
    )


def install(request: Request) -> Sequence[Phase]:
    return (_phase("install", tasks.install),) if request.to_disk else ()


def boot(_request: Request) -> Sequence[Phase]:
    return (
        _phase("memorySizeCheck", tasks.memorySizeCheck),
        _phase("diskSizeCheck", tasks.diskSizeCheck),
        _phase("env", tasks.setUserEnvVars, tasks.waitForCARoots),
        _phase("sharedFilesystems", tasks.setupSharedFilesystems),
        _phase("ephemeral", tasks.mountEphemeralPartition),
        _phase("userSetup", tasks.writeUserFiles),
        _phase("startEverything", tasks.startAllServices),
    )


def reboot(request: Request) -> Sequence[Phase]:
    if request.force:
        return (_phase("reboot", tasks.reboot),)
    return (_phase("cleanup", tasks.stopAllPods), *_STOP_ALL, _phase("reboot", tasks.reboot))


def upgrade(request: Request) -> Sequence[Phase]:
    """The slot is set last: a node that loses power before boots what it ran."""
    if request.force:
        return (_phase("upgrade", tasks.setSlot), _phase("reboot", tasks.reboot))
    drain = () if request.drain_limit_s < 0 else (_phase("drain", tasks.cordonAndDrainNode),)
    ends = (_phase("upgrade", tasks.setSlot), _phase("reboot", tasks.reboot))
    return (*drain, _phase("cleanup", tasks.stopAllPods), *_STOP_ALL, *ends)


def shutdown(request: Request) -> Sequence[Phase]:
    drain = () if request.force else (_phase("drain", tasks.cordonAndDrainNode),)
    return (*drain, _phase("cleanup", tasks.stopAllPods), *_STOP_ALL, _phase("shutdown", tasks.shutdown))


def reset(request: Request) -> Sequence[Phase]:
    phases: list[Phase] = []
    if request.graceful:
        phases.append(_phase("drain", tasks.cordonAndDrainNode))
    phases.append(_phase("cleanup", tasks.removeAllPods if request.graceful else tasks.stopAllPods))
    if request.graceful and not request.only_disks:
        phases.append(_phase("leave", tasks.leaveEtcd))
    phases.append(_phase("preReset", tasks.sendResetSignal))
    phases.extend(_STOP_ALL)
    if request.disks:
        phases.append(_phase("resetUserDisks", tasks.wipeUserDisks))
    if not request.only_disks:
        phases.append(_phase("resetSpec" if request.wipe else "reset", tasks.wipeVolumes))
    phases.append(_phase("reboot", tasks.reboot) if request.reboot else _phase("shutdown", tasks.shutdown))
    return tuple(phases)


SEQUENCES: dict[str, Callable[[Request], Sequence[Phase]]] = {
    "initialize": initialize,
    "install": install,
    "boot": boot,
    "reboot": reboot,
    "shutdown": shutdown,
    "reset": reset,
    "upgrade": upgrade,
}

# running → may be taken over by. Beyond the contract, shutdown may always take over: a container runtime that stops the
# node sends a signal and kills it soon after, whatever the node is doing.
TAKEOVER: dict[str, frozenset[str]] = {
    "initialize": frozenset({"reboot", "shutdown", "upgrade"}),
    "install": frozenset({"reboot", "shutdown"}),
    "boot": frozenset({"reboot", "reset", "shutdown", "upgrade"}),
    "reboot": frozenset({"reboot", "shutdown"}),
    "shutdown": frozenset({"reboot", "shutdown"}),
    "reset": frozenset({"reboot", "shutdown"}),
    "upgrade": frozenset({"shutdown"}),
}

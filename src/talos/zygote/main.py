"""The zygote's own start: control groups and a machine's disk in children of its own, imports beside them, and
supervision until the node ends.

What is imported here is the least: the children are forked from it, and a machine's disk takes as long as the imports.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

import _immortal  # type: ignore[import-not-found]  # built into the launcher

from talos.linux import prctl
from talos.linux.cgroup import Cgroups
from talos.zygote import child
from talos.zygote.services import CORE, PRELOAD, SERVICES, SHARING, WARM, Service
from talos.zygote.supervisor import DIRECTORY, Supervisor


def say(text: str) -> None:
    """One line on the node's console."""
    os.write(2, f"[zygote] {text}\n".encode())


def set_up_cgroups(cgroups: Cgroups) -> None:
    """PID 1 and the zygote to `init`, one group for each service."""
    if not cgroups.trees:
        say(f"no control groups are mounted at {cgroups.root}: services run without limits")
        return
    problems = cgroups.empty_root("init")
    problems += cgroups.make("system")
    if cgroups.v2:
        problems += cgroups.delegate("system")
    for service in SERVICES:
        problems += cgroups.make(service.cgroup, service.limits)
    for problem in problems:
        say(problem)


class Preload:
    """Imports before each fork what the child shares with others, and nothing that would keep it waiting: machined, on
    which every other service waits, is forked as soon as its own share is there; it imports the rest itself, on one
    core, while the zygote imports the others' on another.

    gc.freeze() keeps a child's collector from writing to shared pages, immortal objects keep its reference counting
    from it (os/launcher/launcher.c, the module's only home).
    """

    def __init__(self) -> None:
        self._done: set[str] = set()
        gc.disable()

    def before(self, service: Service) -> None:
        """Called in the zygote before each fork; does something before the first and the first of the others."""
        names = [*CORE] if service.imports_itself else [*CORE, *PRELOAD, *SHARING]
        if missing := [name for name in names if name not in self._done]:
            self._done.update(missing)
            self._import(missing)

    def _import(self, names: Iterable[str]) -> None:
        began = time.monotonic()
        for name in names:
            try:
                importlib.import_module(name)
            except Exception as error:
                say(f"{name} cannot be imported before the fork: {type(error).__name__}: {error}")
        if WARM in names:
            warm_up()
        objects = _immortal.immortalize()
        gc.freeze()
        took_ms = (time.monotonic() - began) * 1000
        say(f"{len(sys.modules)} modules imported, {objects} objects made immortal in {took_ms:.0f} ms")


def warm_up() -> None:
    """A failure costs memory and nothing else."""
    import asyncio

    DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        from talos.zygote import warm

        asyncio.run(warm.exchange(DIRECTORY / "warm.sock"))
    except Exception as error:
        say(f"services are forked without warming up: {type(error).__name__}: {error}")


class Beside:
    """One step of the start in a child, beside the imports. What the child must leave behind are files, mounts and
    groups; it says itself what went wrong in it.

    Services wait for it themselves, each in its own process: a pipe is closed when they may go on, and another by the
    child's end, however it ends.
    """

    def __init__(self, what: str, step: Callable[[Callable[[], None]], None]) -> None:
        """`step` gets what it may call when those who wait can go on before its end."""
        self._what = what
        self._ready, write = os.pipe()
        self._over, over = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                # A zygote that is started again begins anew: nothing of the one before may go on.
                prctl.set_death_signal(signal.SIGKILL)
                step(lambda: _close(write))
                code = 0
            except BaseException as error:
                say(f"{what}: {type(error).__name__}: {error}")
            finally:
                os._exit(code)
        os.close(write)
        os.close(over)

    @property
    def pid(self) -> int:
        """Of the child: who reaps it tells `ended`."""
        return self._pid

    def wait(self, to_its_end: bool) -> None:
        """Once, in any process that was forked from the one that began the step."""
        os.read(self._over if to_its_end else self._ready, 1)
        os.close(self._over)
        os.close(self._ready)

    def ended(self, status: int) -> None:
        """That it failed is on the console, by the child or, if it was ended, here."""
        if os.WIFSIGNALED(status):
            say(f"{self._what}: the process was ended by {signal.Signals(os.WTERMSIG(status)).name}")


def _close(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # called twice
        os.close(descriptor)


def _prepare_disk(ready: Callable[[], None]) -> None:
    from talos.machined.disk import start as disk

    disk.prepare(say, ready)


def main() -> int:
    """Called by the launcher. Returns when PID 1 ends the node."""
    prctl.set_title("zygote")
    # OpenSSL's own default is a folder that this image has not: https:// was trusted nowhere.
    os.environ.setdefault("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    cgroups = Cgroups()
    steps = []
    if os.environ.get("PLATFORM") != "container":  # talos.environment would import asyncio before the child
        steps.append(Beside("the system disk cannot be used", _prepare_disk))
    steps.append(Beside("control groups", lambda _ready: set_up_cgroups(cgroups)))
    environment = {name: value for name, value in os.environ.items() if name not in child.SECRETS}

    def start(service: Service, parent: int) -> None:
        def wait() -> None:
            for step in steps:
                step.wait(to_its_end=not service.imports_itself)  # the others set up addresses and a firewall

        child.start(service, cgroups, parent, environment, wait)

    others = {step.pid: step.ended for step in steps}
    return Supervisor(SERVICES, start, before=Preload().before, say=say, others=others).run()

"""From fork to a service's main(): everything that makes the child less than the zygote.

Modules that no other service shares are imported first, while the node's disk and groups are prepared elsewhere; that
is machined, which stays what the zygote is. Then what needs privileges (cgroup, score, log file), user and
capabilities, and what a change of user would undo (death signal), in this order. Any failure ends the child with its
traceback in the service's log; the zygote tries again.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from talos.linux import capabilities, prctl
from talos.linux.cgroup import Cgroups
from talos.zygote.services import Service

LOG_DIRECTORIES = (Path("/var/log"), Path("/run/log"))
SECRET_DIRECTORY = Path("/run/init")
SECRETS = ("USERDATA",)
EXIT_NOT_STARTED = 70


def start(
    service: Service,
    cgroups: Cgroups,
    parent: int,
    environment: Mapping[str, str],
    wait: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Never returns: ends with main()'s result, or EXIT_NOT_STARTED when it could not be reached. wait: until logs can
    be opened and groups entered."""
    code = EXIT_NOT_STARTED
    try:
        if service.imports_itself:
            with contextlib.suppress(Exception):  # it is tried again when there is a log that takes the traceback
                importlib.import_module(service.module)
        wait()
        _become(service, cgroups, parent, environment)
        module = importlib.import_module(service.module)
        gc.freeze()
        gc.enable()
        code = module.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else EXIT_NOT_STARTED)


def _become(service: Service, cgroups: Cgroups, parent: int, environment: Mapping[str, str]) -> None:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # The launcher's isolated interpreter installs no handlers: without this a peer that hangs up ends the service.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    prctl.set_title(service.name)
    problems = cgroups.enter(service.cgroup)
    _open_log(service.name)
    for problem in problems:
        print(f"zygote: {problem}", file=sys.stderr)
    have = capabilities.of_process()["CapPrm"]
    if service.oom_score_adj >= 0 or capabilities.CAP_SYS_RESOURCE in have:
        Path("/proc/self/oom_score_adj").write_text(str(service.oom_score_adj))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _set_environment(service, environment)
    if service.capabilities is not None:
        wanted = service.capabilities
        if environment.get("PLATFORM") != "container":
            wanted |= service.machine_capabilities
        granted = capabilities.apply(service.uid, service.uid, (), wanted)
        if missing := wanted - granted:
            print(
                f"zygote: {service.name} lacks capabilities {sorted(missing)}: PID 1 has not got them", file=sys.stderr
            )
    if not service.starts_programs:
        prctl.set_no_new_privileges()
    prctl.set_death_signal(signal.SIGKILL)
    if os.getppid() != parent:
        raise RuntimeError("the zygote ended while the service was starting")
    os.chdir("/")
    os.umask(0o022)


def _open_log(name: str) -> None:
    """Standard input from /dev/null, output and errors appended to the service's log."""
    null = os.open("/dev/null", os.O_RDWR)
    output = null
    for directory in LOG_DIRECTORIES:
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            output = os.open(directory / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            break
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for descriptor in {null, output}:
        os.close(descriptor)
    # A service's log shows a line when it is written, not when 8 KiB are full.
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)


def _set_environment(service: Service, environment: Mapping[str, str]) -> None:
    """PID 1 keeps secret variables in files only root can read; machined alone gets them back."""
    os.environ.clear()
    os.environ.update(environment)
    if service.name == "machined":
        for name in SECRETS:
            with contextlib.suppress(FileNotFoundError):
                os.environ[name] = (SECRET_DIRECTORY / name).read_text()

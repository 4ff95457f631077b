"""Starting programs so that they outlive the process that starts them.

A program is started through an intermediate process that ends at once, so that PID 1 is its parent from the beginning:
there is one way to learn its exit (PID 1 publishes it, os/init/README.md), whether or not its supervisor was restarted
in between. Everything between fork and exec is done by the program's own process: session, cgroups, output file,
limits, user, capabilities. What fails there is reported through a pipe that exec closes, with the step's name.

Rejected: subprocess/posix_spawn, which cannot enter a cgroup or drop the bounding set before exec; a helper program in
C, one more executable in the image for what a fork of a single-threaded process does in 5 ms.

A process is named by (pid, start time): a PID alone is reused by the kernel.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from msgspec import Struct, field

_ERROR_MARK = b"E"
_PID_MARK = b"P"


class SpawnError(Exception):
    """The program could not be started; the text names the step and the cause."""


class ProcessId(NamedTuple):
    """A process for ever: `start_time` is field 22 of /proc/PID/stat, clock ticks since boot."""

    pid: int
    start_time: int


class Program(Struct, frozen=True):
    """What to start and how. Empty capabilities tuple = none, None = keep all that the starter has."""

    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path | None = None
    """standard output and error are appended here; None: /dev/null"""
    executable: str | None = None
    """file to execute when it is not argv[0] (a multi-call program)"""
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    groups: Sequence[int] = ()
    cgroup_procs: Sequence[Path] = ()
    """cgroup.procs files to enter, one per hierarchy"""
    rlimits: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    oom_score_adj: int | None = None
    capabilities: Sequence[int] | None = None
    nice: int = 0


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat. ProcessLookupError if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError as error:
        raise ProcessLookupError(f"no process {pid}") from error
    return int(text.rpartition(")")[2].split()[19])


def is_zombie(pid: int) -> bool:
    """The process has ended and waits for its parent."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] in {"Z", "X"}


def alive(process: ProcessId) -> bool:
    """The very process exists and has not ended."""
    try:
        return start_time(process.pid) == process.start_time and not is_zombie(process.pid)
    except (ProcessLookupError, OSError):
        return False


def send_signal(process: ProcessId, number: int) -> bool:
    """Send a signal to exactly this process; False when it is gone."""
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(process):
            return False
        signal.pidfd_send_signal(fd, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


def spawn(program: Program) -> ProcessId:
    """Start a program as a child of PID 1. SpawnError says which step failed; nothing is left behind then."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        _intermediate(program, reader, writer)
    os.close(writer)
    try:
        os.waitpid(child, 0)
        report = b""
        while chunk := os.read(reader, 65536):
            report += chunk
    finally:
        os.close(reader)
    lines = [line for line in report.split(b"\0") if line]
    error = next((line[1:].decode(errors="replace") for line in lines if line[:1] == _ERROR_MARK), None)
    if error is not None:
        raise SpawnError(f"{program.argv[0]}: {error}")
    identity = next((line[1:] for line in lines if line[:1] == _PID_MARK), None)
    if identity is None:
        raise SpawnError(f"{program.argv[0]}: the starting process ended without a report")
    pid, started = identity.split()
    return ProcessId(int(pid), int(started))


def _intermediate(program: Program, reader: int, writer: int) -> NoReturn:
    try:
        os.close(reader)
        os.setsid()
        if os.fork() == 0:
            _become(program, writer)
    except BaseException as error:
        os.write(writer, _ERROR_MARK + f"fork: {error}".encode() + b"\0")
    finally:
        os._exit(0)
    raise AssertionError("unreachable")


def _become(program: Program, writer: int) -> NoReturn:
    step = "start"
    try:
        step = "session"
        os.setsid()
        os.write(writer, _PID_MARK + f"{os.getpid()} {start_time(os.getpid())}".encode() + b"\0")
        step = "signals"
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for reset in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(reset, signal.SIG_DFL)
        for procs in program.cgroup_procs:
            step = f"cgroup {procs.parent}"
            _write(procs, "0")
        step = "output file"
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        output = null
        if program.log is not None:
            output = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if program.oom_score_adj is not None:
            step = "oom_score_adj"
            _write(Path("/proc/self/oom_score_adj"), str(program.oom_score_adj))
        for number, limits in program.rlimits.items():
            step = f"resource limit {number}"
            resource.setrlimit(number, limits)
        if program.nice:
            step = "nice"
            os.nice(program.nice)
        step = "user"
        if program.capabilities is not None:
            from talos.linux.capabilities import apply as apply_capabilities

            apply_capabilities(program.uid, program.gid, tuple(program.groups), frozenset(program.capabilities))
        elif (program.uid, program.gid, tuple(program.groups)) != (0, 0, ()):
            os.setgroups(list(program.groups))
            os.setresgid(program.gid, program.gid, program.gid)
            os.setresuid(program.uid, program.uid, program.uid)
        step = f"directory {program.cwd}"
        os.chdir(program.cwd)
        os.umask(0o022)
        step = "exec"
        os.execve(program.executable or program.argv[0], list(program.argv), dict(program.env))
    except BaseException as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        with contextlib.suppress(OSError):
            os.write(writer, _ERROR_MARK + f"{step}: {text}".encode() + b"\0")
    finally:
        os._exit(127)
    raise AssertionError("unreachable")


def _write(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)

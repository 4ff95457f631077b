"""prctl(2): the few process attributes that a forked service sets for itself."""

from __future__ import annotations

import ctypes
from pathlib import Path

from talos.linux.libc import check, libc

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4


def prctl(option: int, argument: int = 0, argument3: int = 0) -> int:
    """prctl with integer arguments; OSError from errno."""
    long = ctypes.c_ulong
    return check(libc().prctl(option, long(argument), long(argument3), long(0), long(0)), f"prctl {option}")


def set_death_signal(number: int) -> None:
    """Signal to get when the parent ends. A change of user or capabilities clears it: set it after that."""
    prctl(PR_SET_PDEATHSIG, number)


def set_no_new_privileges() -> None:
    """No exec gains privileges from here on, in this process and all that it starts."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def set_title(name: str) -> None:
    """What ps and top show: the thread's name (15 bytes are kept) and, in place, the command line.

    The command line lies where the kernel put the program's arguments (proc(5), arg_start and arg_end); it cannot grow,
    so a longer name is cut there.
    """
    check(libc().prctl(PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]), 0, 0, 0), "prctl PR_SET_NAME")
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    if 0 < start < end:
        text = name.encode()[: end - start - 1]
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, text, len(text))

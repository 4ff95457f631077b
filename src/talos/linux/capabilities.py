"""Capabilities of a process (capabilities(7)): becoming a user with exactly a given set, and reading sets back.

The order matters and is easy to get wrong: the bounding set can only be reduced while CAP_SETPCAP is there; changing
the user clears what is permitted unless PR_SET_KEEPCAPS is set, and always clears what is effective; ambient needs
permitted and inheritable first. Tests read the result back from /proc/PID/status, the kernel's own words.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from talos.linux import prctl
from talos.linux.libc import check, libc

CAP_CHOWN = 0
CAP_KILL = 5
CAP_SETPCAP = 8
CAP_NET_BIND_SERVICE = 10
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
CAP_SYS_PTRACE = 19
CAP_SYS_ADMIN = 21
CAP_SYS_RESOURCE = 24
CAP_SYS_TIME = 25

NAMES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]
"""By number, without the prefix CAP_."""

_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def decode(mask: int) -> frozenset[int]:
    """Numbers of the capabilities in a mask as /proc shows it."""
    return frozenset(number for number in range(mask.bit_length()) if mask >> number & 1)


def of_process(pid: int | str = "self") -> dict[str, frozenset[int]]:
    """Sets of a process by their names in /proc/PID/status: CapInh, CapPrm, CapEff, CapBnd, CapAmb."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line[:6]: decode(int(line.split()[1], 16)) for line in lines if line.startswith("Cap")}


def last() -> int:
    """The highest capability that the running kernel knows."""
    return int(Path("/proc/sys/kernel/cap_last_cap").read_text())


def apply(uid: int, gid: int, groups: Iterable[int], wanted: frozenset[int]) -> frozenset[int]:
    """Become this user with these capabilities and no way to any other.

    What the process does not have itself cannot be given; the set that is really in force is returned. Programs that
    it executes keep the set as well (ambient), unless it is root, where the bounding set does that. OSError names the
    step.
    """
    have = of_process()["CapPrm"]
    granted = frozenset(wanted) & have
    for number in range(last() + 1):
        if number not in granted and libc().prctl(prctl.PR_CAPBSET_READ, number, 0, 0, 0) == 1:
            prctl.prctl(prctl.PR_CAPBSET_DROP, number)
    prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_CLEAR_ALL)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid) or os.getgroups() != list(groups):
        prctl.prctl(prctl.PR_SET_KEEPCAPS, 1)
        os.setgroups(list(groups))
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        prctl.prctl(prctl.PR_SET_KEEPCAPS, 0)
    _capset(granted)
    if uid != 0:
        for number in sorted(granted):
            prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_RAISE, number)
    return granted


def _capset(numbers: frozenset[int]) -> None:
    mask = sum(1 << number for number in numbers)
    data = (_Data * 2)()
    for index in range(2):
        word = mask >> (32 * index) & 0xFFFFFFFF
        data[index] = _Data(word, word, word)
    check(libc().capset(ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(data)), "capset")

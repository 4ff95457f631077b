"""mount(2), umount2(2) and the table of mounts."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from talos.linux.libc import check, libc

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000
MNT_DETACH = 2
MNT_FORCE = 1


class Mount(Struct, frozen=True):
    """One line of /proc/self/mountinfo (proc(5))."""

    id: int
    parent: int
    device: str
    root: str
    target: str
    options: tuple[str, ...]
    propagation: tuple[str, ...]
    fstype: str
    source: str
    super_options: tuple[str, ...]


def mount(source: str, target: str | Path, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2); OSError names the target."""
    result = libc().mount(
        os.fsencode(source or "none"),
        os.fsencode(target),
        fstype.encode() or None,
        flags,
        data.encode() or None,
    )
    check(result, f"mount {fstype or source}", str(target))


def umount(target: str | Path, flags: int = 0) -> None:
    """umount2(2)."""
    check(libc().umount2(os.fsencode(target), flags), "umount", str(target))


def bind(source: str | Path, target: str | Path, *, recursive: bool = False, read_only: bool = False) -> None:
    """Bind `source` at `target`; read-only takes a second call, the kernel ignores the flag in the first."""
    mount(str(source), target, "", MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        mount("", target, "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def parse_mountinfo(text: str) -> list[Mount]:
    """Lines of a mountinfo file, in mount order."""
    mounts = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        fstype, source, options = [*right.split(" ", 2), "", ""][:3]
        mounts.append(
            Mount(
                int(fields[0]),
                int(fields[1]),
                fields[2],
                _unescape(fields[3]),
                _unescape(fields[4]),
                tuple(fields[5].split(",")),
                tuple(fields[6:]),
                fstype,
                _unescape(source),
                tuple(options.split(",")),
            )
        )
    return mounts


def mounts(pid: int | str = "self") -> list[Mount]:
    """Mounts that a process sees."""
    return parse_mountinfo(Path(f"/proc/{pid}/mountinfo").read_text())


def mounted_at(target: str | Path) -> Mount | None:
    """The topmost mount on exactly this path."""
    path = str(target)
    return next((m for m in reversed(mounts()) if m.target == path), None)


def _unescape(text: str) -> str:
    for escaped, plain in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(escaped, plain)
    return text

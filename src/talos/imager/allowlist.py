"""What may be executed in the image, and the check that nothing else can be.

An executable is a regular file with an execute bit, or an ELF file that could be started if it had one. Every path of
one must be in os/executables.allow; set-uid and set-gid files are refused whatever the list says.
"""

from __future__ import annotations

import stat
from pathlib import Path

from talos.imager import elf


def read(path: Path) -> dict[str, str]:
    """Path → reason; lines of `PATH  # reason`."""
    allowed = {}
    for line in path.read_text().splitlines():
        name, _, reason = line.partition("#")
        if name.strip():
            allowed[name.strip()] = reason.strip()
    return allowed


def executables(root: Path) -> dict[str, int]:
    """Path relative to root → inode of everything that can be executed. Names of one file share an inode."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            continue
        if status.st_mode & 0o111 or _could_start(path):
            found[str(path.relative_to(root))] = status.st_ino
    return found


def _could_start(path: Path) -> bool:
    parsed = elf.read(path)
    if parsed:
        return parsed.program
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def check(root: Path, allowed: dict[str, str]) -> list[str]:
    """Complaints, one a line; empty when the image is as the list says. A listed file that is missing is one too."""
    found = executables(root)
    complaints = [
        f"/{path} can be executed and is not in os/executables.allow" for path in found if path not in allowed
    ]
    complaints += [f"/{path} is in os/executables.allow and not in the image" for path in allowed if path not in found]
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
            complaints.append(f"/{path.relative_to(root)} is set-uid or set-gid")
        if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
            complaints.append(f"/{path.relative_to(root)} is writable by everybody")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            complaints.append(f"/{path.relative_to(root)} is a special file")
    return complaints

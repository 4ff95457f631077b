"""Nobody in a node changes its root: not by writing, not by remounting, and only machined may mount at all.

Each attempt is made by the services themselves, with the users and capabilities that they have in the image.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.image.conftest import BootedNode, wait_for

from talos.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID
from talos.machined.disk import layout, system_disk
from talos.zygote.services import SERVICES

pytestmark = pytest.mark.root
Boot = Callable[[dict[str, str] | None], BootedNode]
ATTEMPTS = """
import ctypes, errno, os, signal
MS_REMOUNT, MS_BIND, MS_RDONLY = 0x20, 0x1000, 1
libc = ctypes.CDLL(None, use_errno=True)

def mount(source, target, kind, flags):
    if libc.mount(source, target, kind, flags, None):
        raise OSError(ctypes.get_errno(), "mount")

def attempt(name, call, *arguments):
    try:
        call(*arguments)
        print(name, "succeeded", flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)

def write(path, mode):
    with open(path, mode) as file:
        file.write(b"planted")

def writes(when):
    for folder in ("", "/usr", "/usr/bin", "/usr/lib", "/sbin"):
        attempt(f"{when} write {folder}/planted", write, f"{folder}/planted", "wb")
    attempt(f"{when} append /sbin/init", write, "/sbin/init", "r+b")
    attempt(f"{when} rename /usr", os.rename, "/usr", "/usr2")
    attempt(f"{when} unlink /sbin/init", os.unlink, "/sbin/init")

def main():
    writes("first")
    for flags in (MS_REMOUNT, MS_REMOUNT | MS_BIND):
        attempt(f"remount {flags:#x}", mount, None, b"/", None, flags)
        writes(f"after remount {flags:#x}")
    if "OVER" in globals():
        for target in ("/", "/usr", "/usr/bin", "/etc"):
            attempt(f"bind over {target}", mount, b"/run", target.encode(), None, MS_BIND)
            attempt(f"memory over {target}", mount, b"tmpfs", target.encode(), b"tmpfs", 0)
    print("finished", flush=True)
    signal.pause()
"""
UNPRIVILEGED = [service.name for service in SERVICES if service.name != "machined"]


def attempts(node: BootedNode, name: str) -> dict[str, str]:
    path = node.path(f"/var/log/{name}.log")
    wait_for(lambda: path.exists() and "finished" in path.read_text(), f"{name} has tried everything")
    lines = [line.rpartition(" ") for line in path.read_text().splitlines() if " " in line]
    return {what: outcome for what, _, outcome in lines}


def test_nobody_changes_the_root(boot: Boot) -> None:
    over = f"OVER = 1\n{ATTEMPTS}"
    node = boot({"machined": ATTEMPTS, **dict.fromkeys(UNPRIVILEGED, over)})
    node.running("machined")
    for service in SERVICES:
        node.want(service.name, True)
    for service in SERVICES:
        node.running(service.name)
        found = attempts(node, service.name)
        wrote = {what: outcome for what, outcome in found.items() if "write" in what or "append" in what}
        assert len(wrote) == 18 and set(wrote.values()) <= {"EROFS", "EACCES", "EPERM"}, (service.name, found)
        changed = {what: outcome for what, outcome in found.items() if "rename" in what or "unlink" in what}
        assert len(changed) == 6 and "succeeded" not in changed.values(), (service.name, found)
        if service.name != "machined":
            kinds = ("remount", "bind", "memory")
            mounts = {what: outcome for what, outcome in found.items() if what.startswith(kinds)}
            assert len(mounts) == 10 and set(mounts.values()) == {"EPERM"}, (service.name, found)


def test_the_disks_volumes_take_no_devices_and_no_set_uid_programs() -> None:
    flags = {name: flags for name, _, _, flags in system_disk.TARGETS}
    assert flags[layout.EPHEMERAL] == MS_NOSUID | MS_NODEV
    assert flags[layout.STATE] == flags[layout.EFI] == MS_NOSUID | MS_NODEV | MS_NOEXEC

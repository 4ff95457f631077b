"""Files of /proc/sys that belong to the host of a container node, and what the node has in their place.

Six kernel settings that the kubelet insists on:

The kubelet compares vm.overcommit_memory and five more with the values it wants, writes those that differ and does not
start when it cannot. They are not namespaced: written from a node they would change the host. So their files in the
node's /proc/sys are covered by files with the wanted values: nothing is left to write. What the host has is kept
beside them for KernelParamStatus.

Values: k8s.io/component-helpers/node/util/sysctl.

And the number of the boot (random(4)): the host's stays the same while the node reboots. The kubelet tells by it that
a node has booted, and so does every client that waits for a reboot or an upgrade: with the host's it would wait until
its time is over. So a node has one of its own, new with each boot; systemd-nspawn(1) covers the same file.
"""

from __future__ import annotations

import logging
from pathlib import Path

from talos.linux.mount import bind, mounted_at

log = logging.getLogger("machined.startup")

FOLDER = Path("/run/machined/sysctl")
BOOT_ID, NEW_ID = "kernel/random/boot_id", Path("/proc/sys/kernel/random/uuid")
WANTED = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


REQUIRED_ARGUMENTS = ("slab_nomerge", "pti=on")


def missing_arguments(command_line: str) -> list[str]:
    """Arguments of its hardening that a machine's kernel was started without; `slab_nomerge=` is the same as without
    the sign."""
    given = {word.removesuffix("=") for word in command_line.split()}
    return [argument for argument in REQUIRED_ARGUMENTS if argument not in given]


def cover() -> None:
    """Cover the files, once a boot."""
    for name, value in {**WANTED, BOOT_ID: NEW_ID.read_text().strip()}.items():
        target = Path("/proc/sys") / name
        if not target.exists() or mounted_at(target) is not None:
            continue
        cover_file, host_file = FOLDER / name, FOLDER / "host" / name
        for path, text in ((cover_file, value), (host_file, target.read_text().strip())):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        try:
            bind(cover_file, target, read_only=name == BOOT_ID)
        except OSError as error:
            log.warning("%s cannot be covered, the node goes on with the host's: %s", target, error)

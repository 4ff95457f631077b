"""Partitions of ``machine.disks``, which say where they are mounted: what this version does not carry out of that.

They are volumes of the user's (talos.machined.disk.user_volumes), found again by the label of their partition, which is
the mount point below /var. So they are mounted when the API answers and before the kubelet starts, as those are.
"""

from __future__ import annotations

import re

from talos.config.view.model import UserVolume
from talos.config.view.volumes import PREFIXES, mount_path

NAME_LIMIT = 36 - len(PREFIXES["disk"])
"""characters; a partition's label has 36 code units (UEFI specification, 5.3.3)"""
_NAME = re.compile(rf"(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9._-][A-Za-z0-9._/-]{{0,{NAME_LIMIT - 1}}}(?<!/)")
SYSTEMS = (
    "/var/lib/etcd", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/cni", "/var/log", "/var/run", "/var/system",
)  # fmt: skip
"""used by what runs before these are mounted"""


def refusal(volume: UserVolume) -> str:
    """"" for one that is carried out."""
    if not _NAME.fullmatch(volume.name) or "//" in volume.name:
        return (
            f"machine.disks: mountpoint {volume.name!r} is no path below /var with at most {NAME_LIMIT} letters, "
            "digits, dots, dashes and slashes after it"
        )
    where = mount_path(volume.id)
    for taken in SYSTEMS:
        if f"{taken}/".startswith(f"{where}/") or where.startswith(f"{taken}/"):
            return (
                f"machine.disks: mountpoint {where} belongs to the system, which uses {taken} before disks are "
                "mounted: take a folder of your own, such as /var/mnt/data"
            )
    return "machine.disks: /var/mnt holds volumes of the user: take a folder below it" if where == "/var/mnt" else ""

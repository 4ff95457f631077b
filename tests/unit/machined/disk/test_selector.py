"""Which disk an installation takes, and what it must not be begun with."""

from __future__ import annotations

import pytest

from talos.config.v1alpha1.install import InstallDiskSelector
from talos.linux.block import BlockDevice
from talos.machined.disk.selector import SelectError, choose

GB = 1000**3
DISKS = [
    BlockDevice("nvme0n1", size=500 * GB, model="Fast", transport="nvme", serial="N1"),
    BlockDevice("sda", size=10 * GB, model="Slow", transport="sata", rotational=True, wwid="naa.5000"),
    BlockDevice("sdb", size=100 * GB, model="Stick", transport="usb"),
    BlockDevice("sr0", size=GB, cdrom=True),
    BlockDevice("sdc", size=100 * GB, readonly=True),
]


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("disk.transport == 'usb'", "sdb"), ("disk.size >= 100u * GB", "nvme0n1"), ("disk.rotational", "sda"),
        ("disk.wwid.startsWith('naa.')", "sda"), ("'/dev/disk/by-id/wwn-0x5000' in disk.symlinks", "sda"),
        ("disk.symlinks.exists(s, s == '/dev/disk/by-id/nvme-Fast_N1')", "nvme0n1"),
        ("disk.symlinks.exists(s, s.startsWith('/dev/disk/by-id/nvme-'))", "nvme0n1"),
        ("!system_disk && disk.size < 200u * GB", "sda"),
    ],
)  # fmt: skip
def test_expressions(expression: str, name: str) -> None:
    assert choose(DISKS, expression=expression).name == name


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"model": "Sl*"}, "sda"), ({"size": ">= 200GB"}, "nvme0n1"), ({"size": "10GB"}, "sda"),
        ({"type": "nvme"}, "nvme0n1"),
        ({"type": "hdd", "wwid": "naa.*"}, "sda"), ({"serial": "N1"}, "nvme0n1"), ({"name": "sdb"}, "sdb"),
    ],
)  # fmt: skip
def test_older_fields(fields: dict[str, str], name: str) -> None:
    assert choose(DISKS, fields=InstallDiskSelector(**fields)).name == name


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "/dev/vdz"}, r"no disk is /dev/vdz: this machine has /dev/nvme0n1 \(500.0 GB, Fast\)"),
        ({"path": "/dev/sr0"}, "no disk is /dev/sr0"), ({"expression": "disk.readonly"}, "no disk matches"),
        ({"expression": "disk.sise > 1"}, "no field sise"), ({}, "names no disk"),
        ({"fields": InstallDiskSelector(size="many")}, "is no size"),
    ],
)  # fmt: skip
def test_what_names_no_disk_says_which_there_are(options: dict[str, str], words: str) -> None:
    with pytest.raises(SelectError, match=words):
        choose(DISKS, **options)


def test_a_machine_without_disks_says_so() -> None:
    with pytest.raises(SelectError, match="has no disk"):
        choose([], path="/dev/sda")

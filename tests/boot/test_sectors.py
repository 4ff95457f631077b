"""A machine whose disks have logical sectors of 4096 bytes: installed from the ISO, started from its slot, upgraded;
and what it tells of its disks."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from talos.linux import gpt
from talos.linux.disk_io import OpenDisk

from .installed import Installed, documents, entries, install, wait
from .machine import Machine
from .test_volumes import is_ready, volume

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]
SECTOR = 4096
TRIAL_S = 60
PATIENCE_S = 1800.0
DATA = """apiVersion: v1alpha1
kind: UserVolumeConfig
name: data
provisioning:
  diskSelector: {match: "disk.sector_size == 4096u && !system_disk && disk.serial == 'disk1'"}
  minSize: 300MiB
encryption: {provider: luks2, keys: [{slot: 0, static: {passphrase: correct horse}}]}
"""


@pytest.fixture(scope="module")
def installed(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(built["iso"], tmp_path_factory.mktemp("sectors"), sector=SECTOR)


def table(disk: Path) -> gpt.Table:
    with OpenDisk(disk) as opened:
        (found,) = gpt.found(opened.read, opened.size)
    return found


def resources(installed: Installed, machine: Machine, kind: str) -> dict[str, Any]:
    shown = documents(installed.until(machine, "get", kind, "-o", "json"))
    return {one["metadata"]["id"]: one["spec"] for one in shown}


def blank(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(2 << 30)
    return path


def test_it_is_installed_and_started_from_its_slot(installed: Installed) -> None:
    made = table(installed.disk)
    assert made.sector == SECTOR
    assert [part.name for part in made.partitions] == ["EFI", "META", "STATE", "EPHEMERAL"]
    (entry,) = entries(installed.disk)
    booted = entry.replace("+3.efi", "+2-1.efi")
    assert f"the root is read from /EFI/Linux/{booted} on /dev/vda1" in installed.console


def test_it_tells_of_its_disks_and_takes_volumes_and_wipes(installed: Installed, tmp_path: Path) -> None:
    disk, second, third = installed.copy(tmp_path), blank(tmp_path / "second.raw"), blank(tmp_path / "third.raw")
    with third.open("r+b") as file:
        for offset, data in gpt.new((2 << 30) // SECTOR, SECTOR).add("old", 1 << 30).writes():
            file.seek(offset)
            file.write(data)
    patch = tmp_path / "data.yaml"
    patch.write_text(DATA)
    with Machine(tmp_path, disk=disk, others=(second, third), restart=True, sector=SECTOR) as machine:
        installed.until(machine, "version")
        found = resources(installed, machine, "disks")
        told = {name: (spec["sector_size"], spec["io_size"]) for name, spec in found.items() if name[:2] == "vd"}
        assert told == dict.fromkeys(("vda", "vdb", "vdc"), (SECTOR, SECTOR))
        volumes = resources(installed, machine, "discoveredvolumes")
        assert (volumes["vda"]["name"], volumes["vda"]["sector_size"]) == ("gpt", SECTOR)
        assert (volumes["vda1"]["name"], volumes["vda1"]["block_size"]) == ("vfat", SECTOR)
        assert (volumes["vda3"]["name"], volumes["vda3"]["block_size"]) == ("xfs", SECTOR)
        assert volumes["vda3"]["offset"] == table(disk).partitions[2].first * SECTOR
        assert resources(installed, machine, "systemdisk")["system-disk"]["diskID"] == "vda"
        installed.until(machine, "wipe", "disk", "vdc")
        wait(machine, lambda: not resources(installed, machine, "discoveredvolumes")["vdc"]["name"], "vdc is empty")
        installed.until(machine, "patch", "machineconfig", "--patch", f"@{patch}")
        wait(machine, partial(is_ready, installed, machine, "u-data"), "the volume of the user is ready")
        assert volume(installed, machine, "u-data")["parentLocation"] == "/dev/vdb"
    (part,) = table(second).partitions
    with OpenDisk(second) as opened:
        assert opened.read(part.first * SECTOR, 6) == b"LUKS\xba\xbe"
    with OpenDisk(third) as opened:
        assert gpt.found(opened.read, opened.size) == []


def test_an_upgrade_is_written_tried_and_left_again(
    built: dict[str, Path], installed: Installed, tmp_path: Path
) -> None:
    """The image is good; on this machine etcd waits for a bootstrap that never comes."""
    disk = installed.copy(tmp_path)
    arguments = f"talos.boot.trial={TRIAL_S}"
    with Machine(tmp_path, disk=disk, restart=True, arguments=arguments, sector=SECTOR) as machine:
        installed.until(machine, "version")
        send = ("upgrade", "--image", str(built["uki"]), "--drain=false", "--wait=false")
        sent = installed.talosctl(machine, *send, timeout_s=900)
        assert sent.returncode == 0, sent.stderr

        def ended() -> bool:
            attempts = installed.attempts(machine)
            return bool(attempts) and attempts[-1].get("outcome") == "failed"

        wait(machine, ended, "the old system says how the upgrade ended", PATIENCE_S)
        assert re.search(r"the root is read from /EFI/Linux/talos-B-\S+ on /dev/vda1", machine.console)
        wait(machine, lambda: re.search(r"talos-A-\S+\+3\.efi", " ".join(entries(disk))), "slot A is armed")

"""Power that is lost at twenty points of an installation, of changes of the configuration and of an upgrade: the
machine boots, with the old or the new state whole. One recording of all writes; each point is the disk up to one of
them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from .installed import DISK_BYTES, Installed, install, wait
from .machine import Machine
from .write_log import WriteLog

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]
INSTALLATION, LIFE = 8, 12
VALUES = ("", "one", "two")


@dataclass(frozen=True)
class Recorded:
    """What was written during the installation, and afterwards during two changes and an upgrade."""

    installed: Installed
    empty: Path
    installation: WriteLog
    life: WriteLog


def setting(text: str) -> str:
    """Value of the sysctl that the tests change."""
    line = next((line for line in text.splitlines() if "kernel.domainname" in line), ":")
    return line.rpartition(":")[2].strip().strip("\"'")


@pytest.fixture(scope="module")
def recorded(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    empty = folder / "empty.raw"
    with empty.open("wb") as file:
        file.truncate(DISK_BYTES)
    made = install(built["iso"], folder / "installation", folder / "installation.log")
    disk = made.copy(folder / "life")
    with Machine(folder / "life", disk=disk, log=folder / "life.log", restart=True) as machine:
        made.until(machine, "version")
        for value in VALUES[1:]:
            change = f'{{"machine": {{"sysctls": {{"kernel.domainname": "{value}"}}}}}}'
            made.until(machine, "patch", "machineconfig", "--patch", change)
        # once, however long it takes: each attempt that is given up would stand in the record as well
        upgrade = ("upgrade", "--image", str(built["uki"]), "--drain=false", "--no-reboot")
        done = made.talosctl(machine, *upgrade, timeout_s=1800)
        assert done.returncode == 0, done.stderr
        made.until(machine, "reboot", "--wait=false")
        machine.wait_console("the root is read from /EFI/Linux/talos-B-")
        made.until(machine, "version")
    return Recorded(made, empty, WriteLog(folder / "installation.log"), WriteLog(folder / "life.log"))


def spread(point: int, points: int, log: WriteLog) -> int:
    return len(log.writes) * (point + 1) // (points + 1)


@pytest.mark.parametrize("point", range(INSTALLATION))
def test_an_installation_that_is_cut_off_begins_again_or_is_whole(
    built: dict[str, Path], recorded: Recorded, tmp_path: Path, point: int
) -> None:
    disk = tmp_path / "disk.raw"
    recorded.installation.replay(recorded.empty, disk, spread(point, INSTALLATION, recorded.installation))
    with Machine(tmp_path, disk=disk, iso=built["iso"], restart=True) as machine:

        def answers() -> bool:
            if recorded.installed.talosctl(machine, "version").returncode == 0:
                return True  # it is installed
            apply = ("apply-config", "--insecure", "--dry-run", "-f")
            return machine.talosctl(*apply, str(recorded.installed.configs / "controlplane.yaml")).returncode == 0

        wait(machine, answers, "the machine is installed, or takes its configuration again")


@pytest.mark.parametrize("point", range(LIFE))
def test_what_was_being_written_is_old_or_new(recorded: Recorded, tmp_path: Path, point: int) -> None:
    disk = tmp_path / "disk.raw"
    recorded.life.replay(recorded.installed.disk, disk, spread(point, LIFE, recorded.life))
    with Machine(tmp_path, disk=disk, restart=True) as machine:
        found = recorded.installed.until(machine, "get", "machineconfig", "v1alpha1", "-o", "yaml")
        assert setting(found) in VALUES
        assert "system disk /dev/vda" in machine.console
        recorded.installed.until(machine, "get", "upgradehistory")

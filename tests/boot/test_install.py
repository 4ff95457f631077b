"""The ISO installs to an empty disk, reboots and answers with the configuration it was given. Here the EFI partition is
the FAT that it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .installed import Installed, entries, partitions, wait_armed
from .machine import Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_the_iso_installs_and_the_disk_boots_with_its_configuration(installed: Installed) -> None:
    assert partitions(installed.disk) == ["EFI", "META", "STATE", "EPHEMERAL"]
    (entry,) = entries(installed.disk)
    assert entry.startswith("talos-A-") and entry.endswith("+3.efi")  # every boot arms its counter anew
    assert f"the root is read from /EFI/Linux/{entry.replace('+3.efi', '+2-1.efi')} on /dev/vda1" in installed.console


@pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long")
def test_a_boot_that_loses_power_before_it_is_confirmed_is_counted(installed: Installed, tmp_path: Path) -> None:
    disk = installed.copy(tmp_path)
    (entry,) = entries(disk)
    for left in ("+2-1", "+1-2"):
        with Machine(tmp_path, disk=disk) as machine:
            machine.wait_console("the root is read from")
        assert entries(disk) == [entry.replace("+3", left)]
    with Machine(tmp_path, disk=disk) as machine:
        machine.wait_console("the root is read from")
        wait_armed(machine, disk)  # as long after as it takes

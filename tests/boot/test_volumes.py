"""Volumes where the configuration wants them, on a machine: EPHEMERAL limited in size, an encrypted volume of the user,
one with ext4 and swap on a second disk, there again after a start and unmounted with their documents."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from .installed import Installed, copy, partitions, wait
from .machine import TALOSCTL, Machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]
WANTED = """apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
provisioning: {maxSize: 4GiB, grow: false}
---
apiVersion: v1alpha1
kind: UserVolumeConfig
name: data
provisioning: {diskSelector: {match: "!system_disk"}, minSize: 300MiB, maxSize: 1GiB}
encryption: {provider: luks2, keys: [{slot: 0, static: {passphrase: correct horse}}]}
---
apiVersion: v1alpha1
kind: UserVolumeConfig
name: plain
provisioning: {diskSelector: {match: "!system_disk"}, minSize: 100MiB, maxSize: 200MiB}
filesystem: {type: ext4}
---
apiVersion: v1alpha1
kind: SwapVolumeConfig
name: swap
provisioning: {diskSelector: {match: "!system_disk"}, minSize: 100MiB, maxSize: 200MiB}
"""


def volume(installed: Installed, machine: Machine, name: str) -> dict[str, Any]:
    done = installed.talosctl(machine, "get", "volumestatus", name, "-o", "yaml")
    spec: dict[str, Any] = yaml.safe_load(done.stdout)["spec"] if done.returncode == 0 and done.stdout else {}
    return spec


def is_ready(installed: Installed, machine: Machine, name: str) -> bool:
    return volume(installed, machine, name).get("phase") == "ready"


def test_volumes_lie_where_the_configuration_wants_them(built: dict[str, Path], tmp_path: Path) -> None:
    disk, second = copy(built["raw"], tmp_path), tmp_path / "second.raw"
    with second.open("wb") as file:
        file.truncate(2 << 30)
    configs, patch = tmp_path / "configs", tmp_path / "patch.yaml"
    patch.write_text(WANTED)
    command = [TALOSCTL, "gen", "config", "boot", "https://10.0.2.15:6443", "-o", configs]
    subprocess.run([*command, "--config-patch", f"@{patch}"], check=True, capture_output=True)
    installed = Installed(disk, configs, "")
    with Machine(tmp_path / "first", disk=disk, others=(second,), restart=True) as machine:
        machine.wait_api()
        applied = machine.talosctl("apply-config", "--insecure", "-f", str(configs / "controlplane.yaml"))
        assert applied.returncode == 0, applied.stderr
        for name in ("EPHEMERAL", "u-data", "u-plain", "s-swap"):
            wait(machine, partial(is_ready, installed, machine, name), f"{name} is ready")
        assert volume(installed, machine, "EPHEMERAL")["size"] == 4 << 30
        data = volume(installed, machine, "u-data")
        assert (data["encryptionProvider"], data["filesystem"]) == ("luks2", "xfs")
        assert data["parentLocation"] == "/dev/vdb"
        assert " /var/mnt/data xfs " in installed.until(machine, "read", "/proc/mounts")
        assert volume(installed, machine, "u-plain")["filesystem"] == "ext4"
        assert " /var/mnt/plain ext4 " in installed.until(machine, "read", "/proc/mounts")
        assert "partition" in installed.until(machine, "read", "/proc/swaps")
    assert sorted(partitions(second)) == ["s-swap", "u-data", "u-plain"]
    with Machine(tmp_path / "again", disk=disk, others=(second,)) as machine:
        wait(machine, partial(is_ready, installed, machine, "u-data"), "the volume of the user is ready")
        assert volume(installed, machine, "u-data")["partitionUUID"] == data["partitionUUID"]
        documents = yaml.safe_load_all((configs / "controlplane.yaml").read_text())
        without = tmp_path / "without.yaml"
        without.write_text(yaml.safe_dump_all(d for d in documents if d.get("kind") != "UserVolumeConfig"))
        installed.until(machine, "apply-config", "-f", str(without))
        wait(machine, lambda: "/var/mnt/data" not in installed.until(machine, "read", "/proc/mounts"), "unmounted")
    assert "u-data" in partitions(second)  # what lies there stays

"""Encrypted disks: through dm-crypt in a guest, and a machine that is installed encrypted and boots from its disk."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from talos.provision import qemu

from . import guest
from .installed import DISK_BYTES
from .machine import BOOT_TIMEOUT_S, TALOSCTL, Machine

pytestmark = [pytest.mark.slow, pytest.mark.root]
UUID, OTHER_UUID = "4c4c4544-0042-3510-8053-b4c04f563232", "ec2f8d14-7a9b-4d0e-9c7f-1d2e3f405162"
ENCRYPTION = """apiVersion: v1alpha1
kind: VolumeConfig
name: STATE
encryption:
  provider: luks2
  keys:
    - {slot: 0, nodeID: {}}
    - {slot: 1, static: {passphrase: open sesame}}
---
apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
encryption:
  provider: luks2
  options: [no_read_workqueue, no_write_workqueue]
  keys:
    - {slot: 0, nodeID: {}, lockToState: true}
"""
MODULES = (
    "dm_crypt", "xfs", "xts", "aes_generic", "sha256_generic", "adiantum", "nhpoly1305", "chacha_generic",
    "algif_skcipher", "virtio_blk",
)  # fmt: skip
# On a file system that can punch holes: what a reset overwrites would fill the guest's memory.
TESTS = (
    "mkfs.xfs -q /dev/vda && mkdir /var/lib/guest/disk && mount /dev/vda /var/lib/guest/disk &&"
    " .venv/bin/python -m pytest -q -p no:cacheprovider -o tmp_path_retention_policy=failed"
    " --durations 0 --basetemp /var/lib/guest/disk/tests tests/unit/machined/disk/test_encrypted_start.py"
)


ESSENTIAL = " -k 'what_is_kept or in_one_step or no_key_that_fits'"
"""where everything is emulated and nobody asked for the long sweep"""


def test_volumes_are_opened_and_changed_through_dm_crypt(tmp_path: Path) -> None:
    emulated = qemu.accelerator(guest.kernel()[0]) == qemu.EMULATION
    chosen = ESSENTIAL if emulated and "TALOS_LONG" not in os.environ else ""
    code, console = guest.run(tmp_path, TESTS + chosen, modules=MODULES, scratch_bytes=40 << 30, timeout_s=5400)
    assert code == 0, console[-6000:]
    assert " passed" in console and "skipped" not in console


def told(machine: Machine, config: Path, *arguments: str) -> str:
    """What a command answers, once it does."""
    end = time.monotonic() + BOOT_TIMEOUT_S
    command = [TALOSCTL, "--talosconfig", config, "-n", "10.0.2.15", "-e", f"127.0.0.1:{machine.port}", *arguments]
    while (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode != 0:
        assert time.monotonic() < end, f"{done.stderr}: …{machine.console[-3000:]}"
        time.sleep(1)
    return done.stdout


def holds(disk: Path, words: list[bytes]) -> list[bytes]:
    """Which of these stand somewhere on a sparse disk; none is longer than the overlap."""
    overlap, found = 4096, set()
    with disk.open("rb") as file:
        at = 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return sorted(found)
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < end:
                piece = os.pread(file.fileno(), min(end - at, 16 << 20) + overlap, at)
                found |= {word for word in words if word in piece}
                at += 16 << 20
            at = end


def volume(machine: Machine, config: Path, name: str) -> dict[str, object]:
    spec = yaml.safe_load(told(machine, config, "get", "volumestatus", name, "-o", "yaml"))["spec"]
    assert isinstance(spec, dict)
    return spec


@pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long")
def test_a_machine_is_installed_encrypted_and_only_it_opens_its_disk(built: dict[str, Path], tmp_path: Path) -> None:
    disk, configs, patch = tmp_path / "disk.raw", tmp_path / "configs", tmp_path / "encryption.yaml"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    patch.write_text(ENCRYPTION)
    config = configs / "talosconfig"
    with Machine(tmp_path, disk=disk, iso=built["iso"], restart=True, uuid=UUID) as machine:
        machine.wait_api()
        command = [TALOSCTL, "gen", "config", "boot", "https://10.0.2.15:6443", "-o", configs]
        options = ["--install-disk", "/dev/vda", "--config-patch", f"@{patch}"]
        subprocess.run([*command, *options], check=True, capture_output=True)
        applied = machine.talosctl("apply-config", "--insecure", "-f", str(configs / "controlplane.yaml"))
        assert applied.returncode == 0, applied.stderr
        machine.wait_console("system disk /dev/vda", 2 * BOOT_TIMEOUT_S)
        told(machine, config, "version")
        state, ephemeral = (volume(machine, config, name) for name in ("STATE", "EPHEMERAL"))
        for name, found in (("STATE", state), ("EPHEMERAL", ephemeral)):
            assert found["phase"] == "ready" and found["encryptionProvider"] == "luks2", found
            assert found["mountLocation"] == f"/dev/mapper/luks2-{name}" and found["filesystem"] == "xfs", found
            assert "encryptionFailedSyncs" not in found, found
        assert state["configuredEncryptionKeys"] == ["nodeID", "static"]
        assert ephemeral["encryptionLockedToState"] is True
    with Machine(tmp_path / "again", disk=disk, uuid=UUID) as machine:  # power was lost; no ISO is there any more
        told(machine, config, "version")
        assert volume(machine, config, "EPHEMERAL")["phase"] == "ready"
    with Machine(tmp_path / "elsewhere", disk=disk, uuid=OTHER_UUID) as machine:
        # The passphrase opens STATE. What only the first machine opens stays closed, and the console says what.
        machine.wait_console("EPHEMERAL cannot be opened, no key fits: key slot 0 (nodeID): wrong key")
        stage = yaml.safe_load(told(machine, config, "get", "machinestatus", "-o", "yaml"))["spec"]
        assert any("key slot 0 (nodeID): wrong key" in one["reason"] for one in stage["status"]["unmetConditions"])
    text = (configs / "controlplane.yaml").read_text()
    legacy = next(document for document in yaml.safe_load_all(text) if "machine" in document)
    secrets = [legacy["machine"]["token"].encode(), legacy["machine"]["ca"]["key"].encode(), b"PRIVATE KEY-----"]
    assert holds(disk, [*secrets, b"kind: VolumeConfig", b"open sesame"]) == [b"open sesame"]  # META keeps that

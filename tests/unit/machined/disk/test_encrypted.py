"""Encrypted volumes of the user. Where this kernel has no dm-crypt, keys and headers are real all the same, and what
lies behind the header stands for what would be decrypted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.machined.disk.loop_disk import LOSETUP, needs_loop
from tests.unit.machined.disk.test_user_volumes import DATA, Machine, volume

from talos.linux import block
from talos.linux.cryptsetup import Cost, Luks, WrongKeyError
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import mounted_at, umount
from talos.machined.disk import luks
from talos.machined.disk.encryption import Keys
from talos.machined.disk.user_volumes import Outcome, UserVolumes

pytestmark = [pytest.mark.slow, needs_loop]
QUICK = Cost(iterations=4, memory_kib=32, threads=1)
luks.load_modules()
REAL = Path("/sys/module/dm_crypt").exists()
STATIC = "{slot: 0, static: {passphrase: open sesame}}"


class Encrypted(Machine):
    def volumes(self) -> UserVolumes:
        uuid = self.state / "uuid"
        uuid.write_text("4c4c4544-0042-3510-8053-b4c04f563232\n")
        listed = [block.device(block.SYS, path.name) for path in self.disks]
        keys = Keys(uuid, self.state)
        return UserVolumes(self.state, self.disks[0], self.root, lambda: listed, keys=keys, cost=QUICK)

    def stop(self) -> None:
        if mounted_at(self.mnt("data")) is not None:
            umount(self.mnt("data"))
        if REAL:
            luks.close_volume("u-data")

    def started(self, keys: str) -> Outcome:
        text = f"{DATA}encryption: {{provider: luks2, keys: [{keys}]}}\n"
        return self.reconciled(volume(text))["u-data"]


@pytest.fixture
def machine(tmp_path: Path, disk: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Encrypted]:
    loops: list[str] = []

    def opened(self: Luks, name: str, slot: int, key: bytes, flags: int = 0) -> Path:
        if not self.opens(slot, key):
            raise WrongKeyError("wrong key")
        assert LOSETUP is not None
        command = [LOSETUP, "--find", "--show", "--offset", str(luks.AREA), f"{other}p1"]
        loops.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        return Path(loops[-1])

    if not REAL:
        monkeypatch.setattr(Luks, "open", opened)
    machine = Encrypted(tmp_path, disk, other)
    yield machine
    if mounted_at(machine.mnt("data")) is not None:
        umount(machine.mnt("data"))
    for loop in loops:
        subprocess.run([str(LOSETUP), "--detach", loop], check=True)


def test_it_is_made_and_opened_again_with_the_key_of_its_document(machine: Encrypted) -> None:
    first = machine.started(STATIC)
    assert first.state.problem == "" and first.state.encrypted and first.state.keys == ["static"]
    assert first.state.failed_syncs == [] and first.kind == "xfs"
    (machine.mnt("data") / "kept").write_text("x")
    os.sync()
    with OpenDisk(Path(f"{machine.disks[1]}p1")) as opened:
        assert opened.read(0, 6) == b"LUKS\xba\xbe"
    machine.stop()
    again = machine.started(STATIC)
    assert again.state.problem == "" and (machine.mnt("data") / "kept").read_text() == "x"


def test_another_key_does_not_open_it_and_nothing_is_made_anew(machine: Encrypted) -> None:
    assert machine.started(STATIC).state.problem == ""
    (machine.mnt("data") / "kept").write_text("x")
    machine.stop()
    (machine.state / "encryption.json").unlink()
    wrong = machine.started("{slot: 0, static: {passphrase: wrong}}")
    assert wrong.state.problem == "u-data: u-data cannot be opened, no key fits: key slot 0 (static): wrong key"
    assert mounted_at(machine.mnt("data")) is None
    assert machine.started(STATIC).state.problem == ""
    assert (machine.mnt("data") / "kept").read_text() == "x"


def test_keys_follow_the_document(machine: Encrypted) -> None:
    assert machine.started(STATIC).state.problem == ""
    machine.stop()
    both = machine.started(f"{STATIC}, {{slot: 3, nodeID: {{}}, lockToState: true}}")
    assert both.state.problem == "" and both.state.failed_syncs == [] and both.state.locked_to_state
    assert luks.active_slots(Path(f"{machine.disks[1]}p1")) == {0, 3}
    machine.stop()
    only = machine.started("{slot: 3, nodeID: {}, lockToState: true}")
    assert only.state.problem == "" and luks.active_slots(Path(f"{machine.disks[1]}p1")) == {3}


def test_what_lies_in_clear_is_not_encrypted_over(machine: Encrypted) -> None:
    machine.ready(volume(DATA))
    (machine.mnt("data") / "kept").write_text("x")
    umount(machine.mnt("data"))
    found = machine.started(STATIC)
    assert "it is to be encrypted and holds xfs in clear; wipe it with `talosctl wipe disk" in found.state.problem
    machine.ready(volume(DATA))
    assert (machine.mnt("data") / "kept").read_text() == "x"


def test_without_a_key_in_the_document_it_is_not_touched(machine: Encrypted) -> None:
    assert machine.started(STATIC).state.problem == ""
    machine.stop()
    found = machine.reconciled(replace(volume(DATA), encryption=None))["u-data"]
    assert "it is encrypted, and the configuration does not say with which key" in found.state.problem
    assert mounted_at(machine.mnt("data")) is None

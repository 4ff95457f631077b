"""An encrypted system disk, on a loop device through dm-crypt: installed, started again, grown, its keys changed.

Where the kernel has no dm-crypt, tests/boot runs this in a guest.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.machined.disk.loop_disk import GIB, LOSETUP, needs_loop, targets

from talos.config.view.model import Encryption, EncryptionKey
from talos.controllers.block.started import VolumeState
from talos.linux.cryptsetup import Cost, Luks
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import mounted_at, umount
from talos.machined.disk import conversion, encryption, filesystem, installer, layout, luks, reset, system_disk
from talos.machined.disk.encryption import Keys
from talos.machined.disk.filesystem import VolumeError
from talos.machined.disk.installer import Plan
from talos.machined.disk.meta_store import STATE_ENCRYPTION, PartitionStore
from talos.machined.disk.volumes import BringUp

luks.load_modules()
pytestmark = [
    pytest.mark.slow,
    needs_loop,
    pytest.mark.skipif(not Path("/sys/module/dm_crypt").exists(), reason="this kernel has no dm-crypt"),
]
QUICK = Cost(iterations=4, memory_kib=32, threads=1)
SECRET = b"a secret that nobody may read " * 40
STATIC, NODE = EncryptionKey(0, "static", "open sesame"), EncryptionKey(1, "nodeID")
BOTH = Encryption((STATIC, NODE), "luks2")
CONFIG = """version: v1alpha1
---
apiVersion: v1alpha1
kind: VolumeConfig
name: STATE
encryption: {{provider: luks2, keys: [{state}]}}
---
apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
encryption: {{provider: luks2, keys: [{ephemeral}]{more}}}
"""
STATE_KEYS = "{slot: 0, static: {passphrase: open sesame}}, {slot: 1, nodeID: {}}"


def config(state: str = STATE_KEYS, ephemeral: str = "{slot: 0, nodeID: {}}", more: str = "") -> str:
    return CONFIG.format(state=state, ephemeral=ephemeral, more=more)


class System:
    """The installed system; `started` is one start of it."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.root, self.uuid = plan, folder / "root", folder / "uuid"
        self.uuid.write_text("4c4c4544-0042-3510-8053-b4c04f563232\n")
        self.where = targets(self.root)

    @contextmanager
    def started(self) -> Iterator[dict[str, VolumeState]]:
        found = system_disk.find([self.plan.disk], "")
        assert found is not None
        bring_up = BringUp(system_disk.complete(found), self.root, self.where, Keys(self.uuid), QUICK)
        try:
            yield bring_up.run()
        finally:
            self.stop()

    def stop(self) -> None:
        for _, target, _, _ in reversed(self.where):
            if mounted_at(self.root / target.lstrip("/")) is not None:
                umount(self.root / target.lstrip("/"))
        for name in layout.ENCRYPTABLE:
            with suppress(VolumeError):
                luks.close_volume(name)

    def device(self, name: str) -> Path:
        found = system_disk.find([self.plan.disk], "")
        assert found is not None
        device = found.device(name)
        assert device is not None
        return device

    def meta(self) -> Encryption:
        return encryption.decode(PartitionStore(self.device("META")).load()[STATE_ENCRYPTION])

    def configure(self, text: str) -> None:
        (self.root / "system/state/config.yaml").write_text(text)


@pytest.fixture
def system(plan: Plan, tmp_path: Path) -> Iterator[System]:
    made = System(plan, tmp_path)
    (plan.state / "config.yaml").write_text(config())
    installer.install(replace(plan, encryption=BOTH, keys=Keys(made.uuid), cost=QUICK))
    yield made
    made.stop()


def problems(states: dict[str, VolumeState]) -> list[str]:
    return [state.problem for state in states.values() if state.problem]


def on_disk(image: Path, *secrets: bytes) -> bool:
    """Whether a sparse file holds one of them."""
    with image.open("rb") as file:
        at = 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return False
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            data = os.pread(file.fileno(), end - at, at)
            if any(secret in data for secret in secrets):
                return True
            at = end


def test_what_is_kept_is_there_again_and_not_on_the_disk_in_clear(system: System, tmp_path: Path) -> None:
    with system.started() as states:
        assert problems(states) == []
        assert system.meta() == BOTH
        for name, slot, kinds in (("STATE", 0, ["static", "nodeID"]), ("EPHEMERAL", 0, ["nodeID"])):
            state = states[name]
            assert (state.encrypted, state.slot, state.keys, state.failed_syncs) == (True, slot, kinds, [])
            assert state.device == f"/dev/mapper/luks2-{name}"
            assert filesystem.found(system.device(name)) == "luks"
        for folder in ("system/state", "var"):
            (system.root / folder / "secret").write_bytes(SECRET)
    with system.started() as states:
        assert problems(states) == []
        assert (system.root / "system/state/config.yaml").read_text() == config()
        for folder in ("system/state", "var"):
            assert (system.root / folder / "secret").read_bytes() == SECRET
    os.sync()
    assert on_disk(tmp_path / "disk.img", b"EFI PART")  # it is this file that is looked at
    assert not on_disk(tmp_path / "disk.img", SECRET[:100], b"kind: VolumeConfig")


def test_another_machine_opens_with_the_passphrase_and_says_which_key_does_not_fit(system: System) -> None:
    with system.started():
        pass
    system.uuid.write_text("ec2f8d14-7a9b-4d0e-9c7f-1d2e3f405162\n")
    with system.started() as states:
        assert states["STATE"].problem == "" and states["STATE"].slot == 0
        assert states["EPHEMERAL"].problem == (
            "EPHEMERAL is not mounted: EPHEMERAL cannot be opened, no key fits: key slot 0 (nodeID): wrong key"
        )
        assert mounted_at(system.root / "var") is None
    # STATE, opened by its passphrase, took the key of the new machine over.
    PartitionStore(system.device("META")).save({STATE_ENCRYPTION: encryption.encode(Encryption((NODE,)))})
    with system.started() as states:
        assert states["STATE"].problem == "" and states["STATE"].slot == 1


def test_no_key_that_fits_is_said_of_each(system: System) -> None:
    wrong = Encryption((EncryptionKey(0, "static", "wrong"), NODE, EncryptionKey(5, "kms")))
    PartitionStore(system.device("META")).save({STATE_ENCRYPTION: encryption.encode(wrong)})
    system.uuid.write_text("0\n")
    with system.started() as states:
        said = states["STATE"].problem
        assert said.startswith("STATE is not mounted: STATE cannot be opened, no key fits: ")
        for part in ("key slot 0 (static): wrong key", "key slot 1 (nodeID): this machine's UUID '0' is none",
                     "key slot 5 (kms): nothing that a key server sealed stands in the header"):  # fmt: skip
            assert part in said
        assert "whether it is to be encrypted stands on STATE" in states["EPHEMERAL"].problem
        assert filesystem.found(system.device("EPHEMERAL")) == ""


def test_keys_change_in_one_step(system: System) -> None:
    with system.started():
        system.configure(config("{slot: 0, static: {passphrase: new}}", "{slot: 0, static: {passphrase: newer}}"))
        (system.root / "var/kept").write_text("x")
    for _ in range(2):
        with system.started() as states:
            assert problems(states) == []
            assert [state.failed_syncs for state in states.values()] == [[], [], []]
            assert (system.root / "var/kept").read_text() == "x"
        assert system.meta() == Encryption((EncryptionKey(0, "static", "new"),), "luks2")
        assert luks.active_slots(system.device("STATE")) == luks.active_slots(system.device("EPHEMERAL")) == {0}


def test_what_is_locked_to_state_opens_with_it_only(system: System) -> None:
    with system.started():
        system.configure(config(ephemeral="{slot: 0, nodeID: {}, lockToState: true}"))
    with system.started() as states:
        assert problems(states) == [] and states["EPHEMERAL"].locked_to_state
        (system.root / "system/state/encryption-salt.yaml").unlink()
    with system.started() as states:
        assert "no key fits: key slot 0 (nodeID): wrong key" in states["EPHEMERAL"].problem


def test_ephemeral_grows_with_its_disk(system: System, tmp_path: Path) -> None:
    with system.started():
        before = os.statvfs(system.root / "var").f_blocks * 4096
    with (tmp_path / "disk.img").open("r+b") as file:
        file.truncate(7 * GIB)
    assert LOSETUP is not None
    subprocess.run([LOSETUP, "--set-capacity", system.plan.disk], check=True)
    with system.started():
        assert os.statvfs(system.root / "var").f_blocks * 4096 > before + 1.9 * GIB


def test_a_volume_in_clear_that_is_to_be_encrypted_is_not_used(plan: Plan, tmp_path: Path) -> None:
    system = System(plan, tmp_path)
    installer.install(plan)
    with system.started() as states:
        assert problems(states) == []
        system.configure(config())
        found = system_disk.find([plan.disk], "")
    assert found is not None
    with system.started() as states:
        assert not states["STATE"].encrypted  # as it was installed
        assert "EPHEMERAL is not mounted: it is to be encrypted and holds xfs in clear" in states["EPHEMERAL"].problem
        assert "talosctl reset --system-labels-to-wipe EPHEMERAL" in states["EPHEMERAL"].problem
        reset.wipe(("EPHEMERAL",), found, system.root)
    with system.started() as states:
        assert problems(states) == [] and states["EPHEMERAL"].encrypted


def test_volumes_that_nothing_was_kept_on_are_encrypted_with_the_first_configuration(
    plan: Plan, tmp_path: Path
) -> None:
    """A disk image: its first start makes the volumes in clear, then the configuration comes."""
    system = System(plan, tmp_path)
    (plan.state / "config.yaml").unlink()
    (plan.state / "generations").rmdir()
    installer.install(plan)
    with system.started() as states:
        assert problems(states) == []
        assert [states[name].fresh for name in layout.ENCRYPTABLE] == [True, True]
        system.configure(config())
        (system.root / "system/state/generations").mkdir(mode=0o700)
        (system.root / "system/state/generations/1").write_bytes(SECRET)
        (system.root / "system/state/generations/1").chmod(0o600)
        conversion.request(system.root / "system/state", layout.ENCRYPTABLE)
    os.sync()
    assert on_disk(tmp_path / "disk.img", SECRET[:100])
    for _ in range(2):
        with system.started() as states:
            assert problems(states) == [] and states["STATE"].failed_syncs == []
            assert states["STATE"].encrypted and states["EPHEMERAL"].encrypted and not states["STATE"].fresh
            assert (system.root / "system/state/config.yaml").read_text() == config()
            kept = system.root / "system/state/generations/1"
            assert kept.read_bytes() == SECRET and kept.stat().st_mode & 0o777 == 0o600
            assert not (system.root / "system/state" / conversion.MARKER).exists()
        assert system.meta() == BOTH
    os.sync()
    assert not on_disk(tmp_path / "disk.img", SECRET[:100], b"kind: VolumeConfig")


def test_a_state_in_clear_that_is_to_be_encrypted_says_so_and_stays(plan: Plan, tmp_path: Path) -> None:
    system = System(plan, tmp_path)
    installer.install(plan)
    with system.started():
        system.configure(config())
    with system.started() as states:
        assert states["STATE"].problem == ""
        (said,) = states["STATE"].failed_syncs
        assert said.startswith("it lies in clear, and the configuration wants it encrypted")


def test_encryption_that_is_no_longer_configured_is_not_guessed(system: System) -> None:
    with system.started():
        system.configure("version: v1alpha1\n")
    with system.started() as states:
        assert states["STATE"].problem == ""  # META still says how
        assert "it is encrypted, and there is no configuration that says with which key" in states["EPHEMERAL"].problem
    PartitionStore(system.device("META")).save({})
    with system.started() as states:
        assert "it is encrypted, and META does not say with which key" in states["STATE"].problem


def test_a_header_with_another_cipher_is_refused(system: System) -> None:
    with system.started():
        pass
    PartitionStore(system.device("META")).save(
        {STATE_ENCRYPTION: encryption.encode(replace_cipher(BOTH, "xchacha12,aes-adiantum-plain64"))}
    )
    with system.started() as states:
        assert "its header says aes-xts-plain64, the configuration xchacha12" in states["STATE"].problem


def replace_cipher(wanted: Encryption, cipher: str) -> Encryption:
    return Encryption(wanted.keys, "luks2", cipher)


@pytest.mark.parametrize("cipher", ["xchacha12,aes-adiantum-plain64", "xchacha20,aes-adiantum-plain64"])
def test_ciphers_for_processors_without_aes(plan: Plan, tmp_path: Path, cipher: str) -> None:
    system = System(plan, tmp_path)
    installer.install(replace(plan, encryption=replace_cipher(BOTH, cipher), keys=Keys(system.uuid), cost=QUICK))
    with system.started() as states:
        assert states["STATE"].problem == "" and states["STATE"].encrypted


def test_options_and_sectors_are_the_kernels(system: System) -> None:
    with system.started():
        found = system_disk.find([system.plan.disk], "")
        assert found is not None
        system.configure(config(more=", blockSize: 4096, options: [no_read_workqueue, no_write_workqueue]"))
        reset.wipe(("EPHEMERAL",), found, system.root)
    with system.started():
        table = subprocess.run(
            ["/usr/sbin/dmsetup", "table", "luks2-EPHEMERAL"], capture_output=True, text=True, check=False
        ).stdout
        if table:
            assert "sector_size:4096" in table and "no_read_workqueue" in table
        size = Path("/sys/class/block", f"dm-{os.minor(Path('/dev/mapper/luks2-EPHEMERAL').stat().st_rdev)}")
        assert (size / "queue/logical_block_size").read_text().strip() == "4096"


def test_a_reset_destroys_headers_and_content(system: System, tmp_path: Path) -> None:
    with system.started():
        (system.root / "var/secret").write_bytes(SECRET)
        found = system_disk.find([system.plan.disk], "")
        assert found is not None
        reset.wipe(("STATE", "EPHEMERAL"), found, system.root)
    with OpenDisk(system.device("STATE")) as disk:
        assert not any(disk.read(0, disk.size))
    with OpenDisk(system.device("EPHEMERAL")) as disk:
        assert not any(disk.read(0, 64 << 20))
    assert filesystem.found(system.device("EPHEMERAL")) == ""


def test_an_encryption_that_was_cut_short_is_made_again(system: System) -> None:
    with system.started():
        pass
    device = system.device("EPHEMERAL")
    with OpenDisk(device, writable=True) as disk:
        disk.wipe(2048, luks.AREA)
    with system.started() as states:
        assert problems(states) == [] and states["EPHEMERAL"].encrypted
    with Luks.load(device) as header:  # power went before there was a file system
        header.set_label("EPHEMERAL", "unformatted")
    with system.started() as states:
        assert problems(states) == []
        (system.root / "var/kept").write_text("x")
    with system.started() as states:
        assert problems(states) == [] and (system.root / "var/kept").exists()


def test_damage_is_no_reason_to_make_a_volume_anew(system: System) -> None:
    with system.started():
        (system.root / "var/kept").write_text("x")
    device = system.device("EPHEMERAL")
    with OpenDisk(device, writable=True) as disk:
        disk.write(0, b"\xff" * 8192)  # the second copy of the header serves
    with system.started() as states:
        assert problems(states) == [] and (system.root / "var/kept").exists()
    with system.started(), OpenDisk(Path("/dev/mapper/luks2-EPHEMERAL")) as clear:
        superblock = clear.read(0, 4)
    assert superblock == b"XFSB"
    with OpenDisk(device, writable=True) as disk:
        before = disk.read(0, 32 << 10)
        disk.write(luks.AREA, b"\xff" * 4096)  # the file system's first block
    with system.started() as states:
        assert "holds no file system that can be recognized" in states["EPHEMERAL"].problem
    with OpenDisk(device, writable=True) as disk:
        disk.write(0, b"\xff" * (32 << 10))
    with system.started() as states:
        assert "both copies of its LUKS2 header are damaged" in states["EPHEMERAL"].problem
    with OpenDisk(device) as disk:
        assert disk.read(0, 32 << 10) == b"\xff" * (32 << 10) != before

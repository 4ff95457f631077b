"""Keys of encrypted volumes, where they are kept, and key slots that are exchanged, on plain files."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.swtpm import PROGRAM, Chip

from talos.config import Config
from talos.config.host_owned import without_effect
from talos.config.view.model import Encryption, EncryptionKey
from talos.linux import tpm
from talos.linux.cryptsetup import Cost, CryptError, Luks
from talos.linux.disk_io import OpenDisk
from talos.machined.disk import encryption, luks
from talos.machined.disk.encryption import Keys, KeyUnavailableError
from talos.machined.disk.filesystem import VolumeError
from talos.machined.disk.luks import Found

UUID = "4C4C4544-0042-3510-8053-B4C04F563232"
QUICK = Cost(iterations=4, memory_kib=32, threads=1)
HEAD = "apiVersion: v1alpha1\nkind: VolumeConfig\n"
STATIC, NODE = EncryptionKey(0, "static", "open sesame"), EncryptionKey(1, "nodeID")
CHIP = EncryptionKey(2, "tpm", registers=(7,))
slots = st.integers(0, 31)
keys_of_any_kind = st.builds(
    EncryptionKey, slots, st.sampled_from(("static", "nodeID", "tpm", "kms")), st.text(), st.booleans()
)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    uuid = tmp_path / "product_uuid"
    uuid.write_text(f"{UUID}\n")
    return Keys(uuid, tmp_path)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    with path.open("wb") as file:
        file.truncate(20 << 20)
    return path


def asked(text: str) -> dict[str, Encryption]:
    return Config.decode(text).machine.encryption


def test_what_a_configuration_asks_for() -> None:
    state = f"{HEAD}name: STATE\nencryption:\n  provider: luks2\n  keys:\n  - {{slot: 1, nodeID: {{}}}}\n"
    ephemeral = (
        f"{HEAD}name: EPHEMERAL\nencryption:\n  provider: luks2\n  cipher: aes-xts-plain64\n  keySize: 256\n"
        "  blockSize: 4096\n  options: [no_read_workqueue]\n  allowDiscards: true\n"
        "  keys:\n  - {slot: 0, static: {passphrase: open sesame}, lockToState: true}\n"
        "  - {slot: 2, tpm: {options: {pcrs: [7, 11]}, checkSecurebootStatusOnEnroll: true}}\n"
    )
    assert asked(f"{state}---\n{ephemeral}---\n{HEAD}name: LOG\ntrim: {{enabled: true}}\n") == {
        "STATE": Encryption((EncryptionKey(1, "nodeID"),), "luks2"),
        "EPHEMERAL": Encryption(
            (
                EncryptionKey(0, "static", "open sesame", True),
                EncryptionKey(2, "tpm", registers=(7, 11), check_secure_boot=True),
            ),
            "luks2", "aes-xts-plain64", 256, 4096, ("no_read_workqueue",), True,
        ),
    }  # fmt: skip


def test_the_older_layout_says_the_same() -> None:
    legacy = (
        "version: v1alpha1\nmachine:\n  type: worker\n  systemDiskEncryption:\n    state:\n      provider: luks2\n"
        "      keys: [{slot: 0, static: {passphrase: open sesame}}, {slot: 1, nodeID: {}}]\n"
    )
    assert asked(legacy) == {"STATE": Encryption((STATIC, NODE), "luks2")}


def test_a_container_node_says_that_it_does_not_encrypt() -> None:
    for name in ("STATE", "EPHEMERAL"):
        text = f"{HEAD}name: {name}\nencryption: {{provider: luks2, keys: [{{slot: 0, nodeID: {{}}}}]}}\n"
        (sentence,) = without_effect(Config.decode(text))
        assert sentence.startswith("VolumeConfig encryption") and sentence.endswith(f"in clear: {name}")


def test_a_passphrase_is_not_printed() -> None:
    assert "sesame" not in repr(Encryption((STATIC,)))


def test_keys_are_those_of_talos(keys: Keys) -> None:
    assert keys.value(STATIC, "STATE") == b"open sesame"
    assert keys.value(NODE, "EPHEMERAL") == b"4c4c4544-0042-3510-8053-b4c04f563232EPHEMERAL"


@pytest.mark.parametrize("uuid", ["", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-fffffffffff1"])
def test_a_uuid_that_tells_nothing_makes_no_key(tmp_path: Path, uuid: str) -> None:
    (tmp_path / "uuid").write_text(uuid)
    with pytest.raises(KeyUnavailableError, match="none that tells it from others"):
        Keys(tmp_path / "uuid").value(NODE, "STATE")
    with pytest.raises(KeyUnavailableError, match="has no UUID"):
        Keys(tmp_path / "missing").value(NODE, "STATE")


def test_a_locked_key_needs_the_salt_on_state(tmp_path: Path, keys: Keys) -> None:
    locked = EncryptionKey(0, "static", "open sesame", lock_to_state=True)
    with pytest.raises(KeyUnavailableError, match="locked to STATE"):
        keys.with_state(None).value(locked, "EPHEMERAL")
    value = keys.value(locked, "EPHEMERAL")
    kept = yaml.safe_load((tmp_path / "encryption-salt.yaml").read_text())["diskSalt"]
    assert value == b"open sesame" + kept and len(kept) == 32
    assert keys.value(locked, "EPHEMERAL") == value
    (tmp_path / "encryption-salt.yaml").write_text("diskSalt: short\n")  # never made anew over one that is damaged
    with pytest.raises(KeyUnavailableError, match="holds no salt"):
        keys.value(locked, "EPHEMERAL")


@given(
    wanted=st.builds(
        Encryption, st.lists(keys_of_any_kind, max_size=4).map(tuple), st.just("luks2"), st.text(),
        st.integers(0, 512), st.integers(0, 4096), st.lists(st.text()).map(tuple), st.booleans(),
    )
)  # fmt: skip
def test_what_meta_keeps_comes_back(wanted: Encryption) -> None:
    assert encryption.decode(encryption.encode(wanted)) == wanted


@given(data=st.binary(max_size=200))
def test_what_is_no_value_of_meta_is_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(encryption.decode(data), Encryption)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"STATE": Encryption((STATIC, NODE)), "EPHEMERAL": Encryption((NODE, CHIP))}, ""),
        ({"ETCD": Encryption((STATIC,))}, "ETCD: encryption is carried out for STATE and EPHEMERAL only"),
        ({"STATE": Encryption((EncryptionKey(2, "kms"),))}, "STATE: key slot 2: '' is no address of a key server"),
        ({"STATE": Encryption((EncryptionKey(0, "nodeID", lock_to_state=True),))}, "cannot be locked to STATE"),
        ({"EPHEMERAL": Encryption()}, "no key is named"),
        ({"EPHEMERAL": Encryption((STATIC,), provider="plain")}, "by 'plain' is not carried out"),
    ],
)
def test_what_cannot_be_had_is_refused(wanted: dict[str, Encryption], words: str) -> None:
    said = encryption.refusal(wanted)
    assert words in said and bool(words) == bool(said)


# -- key slots --


def opened(device: Path, key: EncryptionKey, value: bytes) -> luks.Opened:
    with Luks.load(device) as header:
        assert header.opens(key.slot, value)
        return luks.Opened(Path("/dev/mapper/none"), key.slot, key, value, header.uuid)


def fits(device: Path, *wanted: tuple[int, bytes]) -> bool:
    with Luks.load(device) as header:
        return header.slots() == {slot for slot, _ in wanted} and all(header.opens(*one) for one in wanted)


def static(slot: int, passphrase: str) -> EncryptionKey:
    return EncryptionKey(slot, "static", passphrase)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((static(0, "a"),), (static(0, "a"), static(1, "b"))),
        ((static(0, "a"), static(1, "b")), (static(1, "b"),)),
        ((static(0, "a"), static(1, "b")), (static(0, "a"), static(1, "c"))),
        ((static(0, "a"),), (static(0, "b"),)),
        ((static(0, "a"),), (static(1, "b"),)),
        ((static(0, "a"), static(1, "b")), (static(0, "b"), static(1, "a"))),
        ((static(0, "a"), static(5, "b")), (EncryptionKey(0, "nodeID"), static(31, "d"))),
    ],
)
def test_slots_become_those_of_the_configuration(
    device: Path, keys: Keys, before: tuple[EncryptionKey, ...], after: tuple[EncryptionKey, ...]
) -> None:
    luks.make(device, "STATE", Encryption(before), keys, QUICK)
    by = opened(device, before[0], keys.value(before[0], "STATE"))
    assert luks.sync(device, "STATE", Encryption(after), keys, by, cost=QUICK) == []
    assert fits(device, *((key.slot, keys.value(key, "STATE")) for key in after))


# -- keys that a TPM seals --

needs_chip = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="needs swtpm")


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Chip]:
    made = Chip(tmp_path / "chip")
    made.start()
    yield made
    made.stop()


def token_of(device: Path, slot: int) -> str:
    with Luks.load(device) as header:
        return header.token(slot)


@needs_chip
def test_a_sealed_key_opens_on_this_chip_until_its_registers_change(tmp_path: Path, device: Path, chip: Chip) -> None:
    keys = Keys(tmp_path / "missing", tmp_path, chip.opened)
    wanted = Encryption((STATIC, CHIP))
    luks.make(device, "EPHEMERAL", wanted, keys, QUICK)
    value = keys.value(CHIP, "EPHEMERAL", token_of(device, 2))
    assert fits(device, (0, b"open sesame"), (2, value))
    assert value not in device.read_bytes()
    chip.extend(7)
    with pytest.raises(KeyUnavailableError, match="registers of the chip are not what they were"):
        keys.value(CHIP, "EPHEMERAL", token_of(device, 2))
    # The passphrase opens, and the key is sealed anew to what the registers hold now.
    by = opened(device, STATIC, b"open sesame")
    assert luks.sync(device, "EPHEMERAL", wanted, keys, by, cost=QUICK) == []
    again = keys.value(CHIP, "EPHEMERAL", token_of(device, 2))
    assert again != value and fits(device, (0, b"open sesame"), (2, again))
    assert luks.sync(device, "EPHEMERAL", Encryption((STATIC,)), keys, by, cost=QUICK) == []
    assert fits(device, (0, b"open sesame")) and token_of(device, 2) == ""


@needs_chip
def test_the_only_key_moves_from_a_passphrase_into_the_chip_and_back(tmp_path: Path, device: Path, chip: Chip) -> None:
    keys = Keys(tmp_path / "missing", tmp_path, chip.opened)
    sealed = EncryptionKey(0, "tpm", lock_to_state=True)
    luks.make(device, "EPHEMERAL", Encryption((STATIC,)), keys, QUICK)
    by = opened(device, STATIC, b"open sesame")
    assert luks.sync(device, "EPHEMERAL", Encryption((sealed,)), keys, by, cost=QUICK) == []
    value = keys.value(sealed, "EPHEMERAL", token_of(device, 0))
    assert fits(device, (0, value)) and [token_of(device, slot) for slot in (30, 31)] == ["", ""]
    by = opened(device, sealed, value)
    assert luks.sync(device, "EPHEMERAL", Encryption((STATIC,)), keys, by, cost=QUICK) == []
    assert fits(device, (0, b"open sesame")) and token_of(device, 0) == ""


def test_a_machine_without_chip_says_so_and_keeps_what_there_is(tmp_path: Path, device: Path, keys: Keys) -> None:
    without = Keys(tmp_path / "product_uuid", tmp_path, lambda: tpm.opened(tmp_path / "tpmrm0"))
    luks.make(device, "EPHEMERAL", Encryption((STATIC,)), without, QUICK)
    by = opened(device, STATIC, b"open sesame")
    (said,) = luks.sync(device, "EPHEMERAL", Encryption((STATIC, CHIP)), without, by, cost=QUICK)
    assert said.startswith("key slot 2 (tpm): this machine has no TPM 2.0")
    with Luks.load(device) as header:
        for token in ("{}", '{"type": "talos.tpm2", "keyslots": []}', '{"type": "other", "keyslots": ["0"]}'):
            with contextlib.suppress(CryptError):
                header.set_token(0, token)
            with pytest.raises(KeyUnavailableError):
                without.value(EncryptionKey(0, "tpm"), "EPHEMERAL", header.token(0))


def test_secure_boot_may_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Keys) -> None:
    variable = tmp_path / "SecureBoot"
    monkeypatch.setattr(encryption, "SECURE_BOOT", variable)
    assert not encryption.secure_boot()
    with pytest.raises(KeyUnavailableError, match="Secure Boot is off"):
        keys.made(EncryptionKey(0, "tpm", check_secure_boot=True), "STATE")
    variable.write_bytes(b"\x06\0\0\0\0")
    assert not encryption.secure_boot()
    variable.write_bytes(b"\x06\0\0\0\1")
    assert encryption.secure_boot()


class PowerCutError(Exception):
    """The machine is off."""


@pytest.mark.parametrize("cut", range(6))
def test_power_that_is_lost_while_keys_are_exchanged_leaves_one_that_opens(
    device: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    """The only key changes in its slot: META holds the old and the new one until all is done."""
    old, new = static(0, "a"), static(0, "b")
    luks.make(device, "STATE", Encryption((old,)), keys, QUICK)
    by = opened(device, old, b"a")
    left, meta = cut, Encryption((old,))

    def remember() -> None:
        nonlocal meta
        meta = encryption.union(Encryption((new,)), Encryption((old,)))

    def counted(plain: object) -> object:
        def call(self: Luks, *arguments: object) -> None:
            nonlocal left
            if left == 0:
                raise PowerCutError
            left -= 1
            plain(self, *arguments)  # type: ignore[operator]

        return call

    for name in ("add", "remove"):
        monkeypatch.setattr(Luks, name, counted(getattr(Luks, name)))
    with contextlib.suppress(PowerCutError):
        luks.sync(device, "STATE", Encryption((new,)), keys, by, remember, QUICK)
    monkeypatch.undo()
    with Luks.load(device) as header:  # any slot: open_volume tries those that nobody configured last
        assert any(header.opens(slot, keys.value(key, "STATE")) for key in meta.keys for slot in header.slots())


def test_a_key_that_cannot_be_had_is_reported_and_the_one_that_opened_is_kept(tmp_path: Path, device: Path) -> None:
    keys = Keys(tmp_path / "missing")
    luks.make(device, "STATE", Encryption((STATIC,)), keys, QUICK)
    failed = luks.sync(device, "STATE", Encryption((NODE,)), keys, opened(device, STATIC, b"open sesame"), cost=QUICK)
    assert failed == [
        "key slot 1 (nodeID): this machine has no UUID: No such file or directory",
        "key slot 0 is kept: no other opens STATE",
    ]
    assert fits(device, (0, b"open sesame"))


def test_a_volume_is_not_made_without_all_of_its_keys(tmp_path: Path, device: Path) -> None:
    with pytest.raises(VolumeError, match=r"STATE is not encrypted: key slot 1 \(nodeID\): this machine has no UUID"):
        luks.make(device, "STATE", Encryption((STATIC, NODE)), Keys(tmp_path / "missing"), QUICK)
    assert not any(device.read_bytes())


def test_making_that_was_cut_short_is_told_from_damage(device: Path, keys: Keys) -> None:
    assert luks.look(device) is Found.NOTHING
    luks.make(device, "STATE", Encryption((STATIC,)), keys, QUICK)
    assert luks.look(device) is Found.VOLUME
    with OpenDisk(device, writable=True) as disk:
        whole = disk.read(0, luks.AREA)
        disk.write(0, b"\0" * 512)  # a damaged block: the second copy is whole
        assert luks.look(device) is Found.VOLUME
        disk.wipe(512, (32 << 10) - 512)  # both copies: a key is stored, and somebody may hold a copy of the header
        assert luks.look(device) is Found.DAMAGED
        disk.write(0, whole[:2048])
        assert luks.look(device) is Found.DAMAGED
        disk.wipe(2048, luks.AREA - 2048)
        assert luks.look(device) is Found.UNFINISHED
        disk.wipe(0, 4096)
    assert luks.look(device) is Found.NOTHING
    luks.make(device, "STATE", Encryption((STATIC,)), keys, QUICK)
    with Luks.load(device) as header:
        header.remove(0)
    assert luks.look(device) is Found.UNFINISHED


def test_a_volume_is_unformatted_until_it_is_said_to_be(device: Path, keys: Keys) -> None:
    luks.make(device, "STATE", Encryption((STATIC,)), keys, QUICK)
    with Luks.load(device) as header:
        assert header.subsystem == "unformatted"
    luks.formatted(device, "STATE")
    with Luks.load(device) as header:
        assert header.subsystem == ""

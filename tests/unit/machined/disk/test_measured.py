"""Keys in a TPM that follow from image to image: signed by the imager, opened by the node, with a TPM in software."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.unit.imager.boot import uki_file
from tests.unit.swtpm import PROGRAM, Chip

from talos.config.view.model import Encryption, EncryptionKey
from talos.imager.boot import measure
from talos.linux import tpm
from talos.linux.cryptsetup import Cost, Luks
from talos.machined.disk import luks, measured
from talos.machined.disk.encryption import Keys, KeyUnavailableError
from talos.machined.disk.luks import Opened

pytestmark = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="needs swtpm")
KEY = EncryptionKey(2, "tpm")
PLAIN = EncryptionKey(0, "static", "open sesame")
QUICK = Cost(iterations=4, memory_kib=32, threads=1)


@pytest.fixture(scope="module")
def maker() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class Machine:
    """Boots images as firmware and stub do: what is measured, and what the first stage leaves in /run/init."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, folder / "run"
        self.run.mkdir()
        self.chip = Chip(folder / "chip")
        self.chip.start()

    def boot(self, content: bytes, key: rsa.RSAPrivateKey | None) -> Keys:
        sections = {".linux": b"MZ kernel", ".initrd": content}
        if key is not None:
            sections[".pcrpkey"] = measure.public_pem(key)
        image = uki_file.write(self.folder / "uki", sections)
        self.chip.restart()
        for name in (".linux", ".initrd", ".pcrpkey"):
            if name in sections:
                tpm.extend(self.chip.transmit, 11, name.encode() + b"\0")
                tpm.extend(self.chip.transmit, 11, sections[name])
        for file in self.run.iterdir():
            file.unlink()
        if key is not None:
            (self.run / measured.SIGNATURE).write_bytes(measure.signed(image, key))
            (self.run / measured.PUBLIC_KEY).write_bytes(sections[".pcrpkey"])
        return Keys(self.folder / "uuid", self.folder, self.chip.opened, self.run)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "uuid").write_text("4c4c4544-0042-3510-8053-b4c04f563232\n")
    made = Machine(tmp_path)
    yield made
    made.chip.stop()


def test_an_upgrade_by_the_same_maker_opens_and_another_image_does_not(
    machine: Machine, maker: rsa.RSAPrivateKey
) -> None:
    value, token = machine.boot(b"first", maker).made(KEY, "STATE")
    assert machine.boot(b"second", maker).value(KEY, "STATE", token) == value
    with pytest.raises(KeyUnavailableError, match="and this one carries none"):
        machine.boot(b"second", None).value(KEY, "STATE", token)
    with pytest.raises(KeyUnavailableError, match="and this one carries none"):
        machine.boot(b"second", rsa.generate_private_key(65537, 2048)).value(KEY, "STATE", token)
    keys = machine.boot(b"third", maker)
    signature = (machine.run / measured.SIGNATURE).read_bytes()
    keys = machine.boot(b"a changed third", maker)
    (machine.run / measured.SIGNATURE).write_bytes(signature)
    with pytest.raises(KeyUnavailableError, match="not those that the image's signature names"):
        keys.value(KEY, "STATE", token)


def test_nothing_is_unsealed_once_the_system_runs(machine: Machine, maker: rsa.RSAPrivateKey) -> None:
    keys = machine.boot(b"first", maker)
    value, token = keys.made(KEY, "STATE")
    assert keys.value(KEY, "STATE", token) == value
    keys.close()
    with pytest.raises(KeyUnavailableError, match="not those that the image's signature names"):
        keys.value(KEY, "STATE", token)
    _, sealed = keys.made(KEY, "EPHEMERAL")  # sealing is always possible
    assert machine.boot(b"first", maker).value(KEY, "EPHEMERAL", sealed)


def test_a_slot_is_sealed_anew_when_registers_or_maker_change(machine: Machine, maker: rsa.RSAPrivateKey) -> None:
    device = machine.folder / "device"
    with device.open("wb") as file:
        file.truncate(20 << 20)
    unsigned = machine.boot(b"first", None)
    wanted = Encryption((PLAIN, KEY))
    luks.make(device, "EPHEMERAL", wanted, unsigned, QUICK)
    by = Opened(device, 0, PLAIN, b"open sesame", "")

    def sealed() -> tpm.Sealed:
        import msgspec

        with Luks.load(device) as header:
            return msgspec.json.decode(header.token(2), type=tpm.Sealed)

    assert sealed().signer == b"" and sealed().registers == (7,)
    before_it = unsigned.fingerprint()
    keys = machine.boot(b"second", maker)
    assert keys.fingerprint() != before_it
    assert luks.sync(device, "EPHEMERAL", wanted, keys, by, cost=QUICK) == []
    assert sealed().signer == measured.signer(machine.run) != b""
    before = sealed()
    assert luks.sync(device, "EPHEMERAL", wanted, keys, by, cost=QUICK) == [] and sealed() == before
    other = Encryption((PLAIN, EncryptionKey(2, "tpm", registers=(0, 7))))
    assert luks.sync(device, "EPHEMERAL", other, keys, by, cost=QUICK) == []
    assert sealed().registers == (0, 7)


def test_a_signature_that_is_none_counts_as_none(tmp_path: Path) -> None:
    assert measured.signer(tmp_path) == b"" and measured.approved(b"", tmp_path) is None
    (tmp_path / measured.PUBLIC_KEY).write_text("no key")
    for text in ("", "{}", '{"sha256": [{}]}', '{"sha256": [{"pcrs": [11], "pkfp": "", "pol": "x", "sig": "!"}]}'):
        (tmp_path / measured.SIGNATURE).write_text(text)
        assert measured.signer(tmp_path) == b"" and measured.approved(b"", tmp_path) is None

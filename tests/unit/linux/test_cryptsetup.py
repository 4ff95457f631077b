"""LUKS2 headers on plain files: with Debian's cryptsetup in both directions, and with bytes of other people."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talos.linux import cryptsetup
from talos.linux.cryptsetup import Cost, CryptError, Format, Luks, WrongKeyError

PROGRAM = shutil.which("cryptsetup", path="/usr/sbin:/sbin:/usr/bin")
QUICK = Cost(iterations=4, memory_kib=32, threads=1)
DISK_BYTES = 20 << 20
JSON_AT, JSON_END, COPY_AT = 4096, 16384, 16384
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(DISK_BYTES)
    return path


def made(disk: Path, keys: dict[int, bytes], form: Format | None = None) -> str:
    with Luks.create(disk, form or Format(label="STATE"), keys, QUICK) as header:
        return header.uuid


def opens(disk: Path, slot: int, key: bytes) -> bool:
    with Luks.load(disk) as header:
        return header.opens(slot, key)


def program(*arguments: str | Path, key: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    assert PROGRAM is not None
    return subprocess.run([PROGRAM, *arguments], input=key, capture_output=True, check=False)


@few
@given(keys=st.dictionaries(st.integers(0, 31), st.binary(min_size=1, max_size=512), min_size=1, max_size=3))
def test_every_key_opens_its_slot_and_no_other(disk: Path, keys: dict[int, bytes]) -> None:
    uuid = made(disk, keys)
    with Luks.load(disk) as header:
        assert (header.uuid, header.cipher, header.key_bits) == (uuid, "aes-xts-plain64", 512)
        assert header.slots() == keys.keys()
        for slot, key in keys.items():
            assert header.opens(slot, key)
            assert not header.opens(slot, key + b"x")
            assert not header.opens(slot, b"")


def test_keys_are_added_and_removed(disk: Path) -> None:
    made(disk, {0: b"first"})
    with Luks.load(disk) as header:
        header.add(7, b"second", b"first", QUICK)
        with pytest.raises(CryptError, match="slot 7 cannot be filled"):
            header.add(7, b"third", b"first", QUICK)
        with pytest.raises(WrongKeyError):
            header.add(8, b"third", b"nobody's", QUICK)
        header.remove(0)
        assert header.slots() == {7}
        with pytest.raises(CryptError, match="slot 0 holds no key"):
            header.opens(0, b"first")
    assert opens(disk, 7, b"second")


@pytest.mark.skipif(PROGRAM is None, reason="needs cryptsetup-bin")
@pytest.mark.parametrize(("cipher", "bits"), [("aes-xts-plain64", 512), ("aes-xts-plain64", 256)])
def test_cryptsetup_opens_ours(disk: Path, cipher: str, bits: int) -> None:
    key = b"with\0any\nbytes"
    made(disk, {3: key}, Format(cipher, bits, 4096, "EPHEMERAL"))
    dumped = json.loads(program("luksDump", "--dump-json-metadata", disk).stdout)
    assert list(dumped["keyslots"]) == ["3"]
    assert dumped["segments"]["0"]["encryption"] == cipher
    assert (dumped["segments"]["0"]["sector_size"], dumped["segments"]["0"]["size"]) == (4096, "dynamic")
    assert dumped["keyslots"]["3"]["kdf"]["type"] == "argon2id"
    assert b"EPHEMERAL" in program("luksDump", disk).stdout
    opened = program("open", "--test-passphrase", "--key-slot", "3", "--key-file", "-", disk, key=key)
    assert opened.returncode == 0, opened.stderr
    assert program("open", "--test-passphrase", "--key-file", "-", disk, key=b"wrong").returncode == 2


@pytest.mark.skipif(PROGRAM is None, reason="needs cryptsetup-bin")
@pytest.mark.parametrize("kdf", [("--pbkdf", "argon2id", "--pbkdf-memory", "32", "--pbkdf-force-iterations", "4"),
                                 ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")])  # fmt: skip
def test_ours_opens_cryptsetups(disk: Path, kdf: tuple[str, ...]) -> None:
    arguments = ("--type", "luks2", "-q", *kdf, "--key-slot", "5", "--key-file", "-")
    formatted = program("luksFormat", *arguments, disk, key=b"k")
    assert formatted.returncode == 0, formatted.stderr
    with Luks.load(disk) as header:
        assert header.slots() == {5}
        assert header.opens(5, b"k")
        header.add(6, b"ours", b"k", QUICK)
    assert program("open", "--test-passphrase", "--key-slot", "6", "--key-file", "-", disk, key=b"ours").returncode == 0


@pytest.mark.parametrize("content", [b"", b"LUKS\xba\xbe\0\2", b"LUKS\xba\xbe\0\1" + bytes(600), b"XFSB" * 2000])
def test_what_is_no_luks2_is_said_to_be_none(disk: Path, content: bytes) -> None:
    with disk.open("r+b") as file:
        file.write(content)
    with pytest.raises(CryptError, match="no usable LUKS2 header"):
        Luks.load(disk)


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CryptError, match="nothing"):
        Luks.load(tmp_path / "nothing")


@pytest.mark.parametrize(("first", "length"), [(0, 4096), (0, 16384), (JSON_AT, 100), (COPY_AT, 16384)])
def test_one_damaged_copy_of_the_header_is_no_matter(disk: Path, first: int, length: int) -> None:
    made(disk, {1: b"key"})
    with disk.open("r+b") as file:
        file.seek(first)
        file.write(b"\xa5" * length)
    assert opens(disk, 1, b"key")


@few
@given(
    noise=st.lists(
        st.tuples(st.integers(0, COPY_AT - 65), st.binary(min_size=1, max_size=64)), min_size=1, max_size=6
    )
)
def test_hostile_bytes_are_refused_or_harmless(disk: Path, noise: list[tuple[int, bytes]]) -> None:
    """In both copies of the header, anywhere."""
    made(disk, {1: b"key"})
    with disk.open("r+b") as file:
        for at, data in noise:
            for copy in (at, COPY_AT + at):
                file.seek(copy)
                file.write(data)
    try:
        with Luks.load(disk) as header:
            assert header.slots() <= set(cryptsetup.SLOTS)
            header.opens(1, b"key")
    except CryptError:
        pass


@few
@given(text=st.one_of(st.binary(max_size=3000), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(("keyslots", "segments", "digests", "tokens", "config", "0", "type", "area", "kdf", "size")),
        inner, max_size=4),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_hostile_metadata_with_a_right_checksum_is_refused(disk: Path, text: bytes) -> None:
    """What only a person would write: the checksum holds, the JSON does not."""
    from hashlib import sha256

    made(disk, {1: b"key"})
    with disk.open("r+b") as file:
        for copy in (0, COPY_AT):
            file.seek(copy)
            header = bytearray(file.read(COPY_AT))
            header[JSON_AT:] = text.ljust(JSON_END - JSON_AT, b"\0")
            header[448:512] = bytes(64)  # the checksum counts as zero in itself (LUKS2 on-disk format, 2.1)
            header[448:512] = sha256(header).digest().ljust(64, b"\0")
            file.seek(copy)
            file.write(header)
    with pytest.raises(CryptError):
        Luks.load(disk)

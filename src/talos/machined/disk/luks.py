"""One encrypted volume: made, opened with whichever key fits, its key slots brought in line with the configuration.

Slots are exchanged so that at every moment a key that is remembered somewhere opens the volume: what is new is added,
the caller writes down old and new keys together (`before_removal`), and only then anything is taken away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from msgspec import Struct

from talos.config.view.model import Encryption, EncryptionKey
from talos.linux import cryptsetup
from talos.linux.cryptsetup import CryptError, Luks, WrongKeyError
from talos.linux.disk_io import OpenDisk
from talos.linux.modules import ModuleTree
from talos.machined.disk import filesystem
from talos.machined.disk.encryption import Keys, KeyUnavailableError
from talos.machined.disk.filesystem import VolumeError

log = logging.getLogger("machined.disk")

AREA = 16 << 20
"""bytes before the data: both headers (JSON included) and all key slots"""
_SLOTS_AT = 32 << 10
_MAGIC = b"LUKS\xba\xbe"
_UNFORMATTED = "unformatted"
"""subsystem of a header until there is a file system: what a new volume decrypts to is noise, not zeros"""
DEFAULT_CIPHER = "aes-xts-plain64"
KEY_BITS = {DEFAULT_CIPHER: 512}
_ADIANTUM_BITS = 256
MODULES = ("dm_crypt", "crypto-aes", "crypto-xts")
ADIANTUM_MODULES = ("crypto-adiantum", "crypto-nhpoly1305", "crypto-xchacha12", "crypto-xchacha20", "algif_skcipher")


class Opened(Struct, frozen=True):
    """device: the volume in clear. slot, key, passphrase: what opened it."""

    device: Path
    slot: int
    key: EncryptionKey
    passphrase: bytes
    uuid: str
    tried: tuple[str, ...] = ()
    """what did not open it, a sentence each"""
    unformatted: bool = False
    """no file system was ever made on it: `formatted` is to be called when one is"""


def load_modules(cipher_name: str = DEFAULT_CIPHER) -> None:
    """What the kernel would ask another system's modprobe for. A module that is missing, built in or not for this
    processor is no matter: the volume that needs it says so."""
    tree = ModuleTree()
    for name in (*MODULES, *(ADIANTUM_MODULES if cipher_name != DEFAULT_CIPHER else ())):
        for module in tree.named(name):
            with suppress(OSError):
                tree.load([module])


def mapping(volume: str) -> str:
    """Name below /dev/mapper."""
    return f"luks2-{volume}"


def cipher(encryption: Encryption) -> str:
    return encryption.cipher or DEFAULT_CIPHER


def _key_bits(encryption: Encryption) -> int:
    return encryption.key_size or KEY_BITS.get(cipher(encryption), _ADIANTUM_BITS)


class Found(Enum):
    """What lies on a device that is to be encrypted."""

    NOTHING = "nothing"
    UNFINISHED = "a volume that no key was ever stored for"
    VOLUME = "a volume"
    DAMAGED = "something that cannot be recognized"


def look(device: Path) -> Found:
    """UNFINISHED: making it was cut short, and nothing can be read of it by anybody."""
    with suppress(CryptError), Luks.load(device) as header:
        return Found.VOLUME if header.slots() else Found.UNFINISHED
    if filesystem.is_blank(device):
        return Found.NOTHING
    with OpenDisk(device) as disk:
        begun = disk.read(0, len(_MAGIC)) == _MAGIC and not any(disk.read(_SLOTS_AT, AREA - _SLOTS_AT))
    return Found.UNFINISHED if begun else Found.DAMAGED


def make(device: Path, volume: str, encryption: Encryption, keys: Keys, cost: cryptsetup.Cost | None = None) -> None:
    """A new volume over whatever is there, with every key of its configuration. VolumeError, OSError."""
    values: dict[int, bytes] = {}
    tokens: dict[int, str] = {}
    for key in encryption.keys:
        try:
            values[key.slot], token = keys.made(key, volume)
            tokens |= {key.slot: token} if token else {}
        except KeyUnavailableError as error:
            raise VolumeError(f"{volume} is not encrypted: key slot {key.slot} ({key.kind}): {error}") from error
    if not values:
        raise VolumeError(f"{volume} is not encrypted: no key is named")
    log.info("%s: new LUKS2 volume %s", device, volume)
    load_modules(cipher(encryption))
    with OpenDisk(device, writable=True) as disk:
        disk.wipe(0, min(AREA, disk.size))
    form = cryptsetup.Format(cipher(encryption), _key_bits(encryption), encryption.block_size, volume, _UNFORMATTED)
    with _wrapped(f"{volume} is not encrypted"), Luks.create(device, form, values, cost, tokens):
        pass


def open_volume(device: Path, volume: str, encryption: Encryption, keys: Keys) -> Opened:
    """With the first key that fits. VolumeError names each key and what is wrong with it."""
    load_modules(cipher(encryption))
    with _wrapped(f"{volume} cannot be opened"), Luks.load(device) as header:
        if header.cipher != cipher(encryption):
            # A header that somebody put there says how the data is written: cipher_null would be «encrypted».
            raise VolumeError(
                f"{volume} cannot be opened: its header says {header.cipher}, the configuration "
                f"{cipher(encryption)}: one of them was changed"
            )
        tried: list[str] = []
        for key, slot in _order(header, encryption):
            try:
                value = keys.value(key, volume, header.token(slot))
                opened = header.open(mapping(volume), slot, value, _flags(encryption))
            except (KeyUnavailableError, CryptError) as error:
                if slot == key.slot or not isinstance(error, KeyUnavailableError):
                    tried.append(f"key slot {slot} ({key.kind}): {_reason(error)}")
            else:
                unformatted = header.subsystem == _UNFORMATTED
                return Opened(opened, slot, key, value, header.uuid, tuple(tried), unformatted)
    raise VolumeError(f"{volume} cannot be opened, no key fits: {'; '.join(tried) or 'none is configured'}")


def _order(header: Luks, encryption: Encryption) -> list[tuple[EncryptionKey, int]]:
    """Which key is tried in which slot: those that need nobody else first, then those of a server. After each of both
    the slots that nobody configured: an exchange that was cut short leaves its key in one (_exchange)."""
    spare = sorted(header.slots() - {key.slot for key in encryption.keys})
    asked = [key for key in encryption.keys if key.kind == "kms"]
    found = []
    for group in ([key for key in encryption.keys if key.kind != "kms"], asked):
        found += [(key, key.slot) for key in group]
        found += [(key, slot) for slot in spare for key in group if key.kind != "kms" or header.token(slot)]
    return found


def formatted(device: Path, volume: str) -> None:
    """There is a file system on it now, that is not made anew if it is damaged. VolumeError."""
    with _wrapped(f"{volume} is not finished"), Luks.load(device) as header:
        header.set_label(volume)


def close_volume(volume: str) -> None:
    """Take the clear mapping away. VolumeError: something lies on it still."""
    with _wrapped(f"{volume} stays open"):
        cryptsetup.close(mapping(volume))


@contextmanager
def _wrapped(what: str) -> Iterator[None]:
    try:
        yield
    except CryptError as error:
        raise VolumeError(f"{what}: {error}") from error


def _reason(error: Exception) -> str:
    return "wrong key" if isinstance(error, WrongKeyError) else str(error)


def _flags(encryption: Encryption) -> int:
    flags = cryptsetup.ALLOW_DISCARDS if encryption.allow_discards else 0
    for option in encryption.options:
        flags |= cryptsetup.PERFORMANCE.get(option, 0)
    return flags


def active_slots(device: Path) -> frozenset[int]:
    """Slots with a key in the header. VolumeError."""
    with _wrapped("its header cannot be read"), Luks.load(device) as header:
        return header.slots()


def sync(
    device: Path,
    volume: str,
    encryption: Encryption,
    keys: Keys,
    opened: Opened,
    before_removal: Callable[[], None] = lambda: None,
    cost: cryptsetup.Cost | None = None,
) -> list[str]:
    """Make the slots those of a configuration; what did not succeed, a sentence each. `opened` opens until the end.
    VolumeError."""
    failed: list[str] = []
    known, where = opened.passphrase, opened.slot
    with _wrapped("its header cannot be read"), Luks.load(device) as header:
        there = header.slots()
        stale: list[EncryptionKey] = []
        good: set[int] = set()  # slots whose key is the configuration's
        for key in encryption.keys:
            with _collected(key, failed):
                if key.slot not in there:
                    value, token = keys.made(key, volume)
                    header.add(key.slot, value, known, cost, token)
                    log.info("%s: key slot %d (%s) is new", volume, key.slot, key.kind)
                elif not _fits(header, key, volume, keys, (where, known)):
                    stale.append(key)
                    continue
                good.add(key.slot)
        wanted = {key.slot for key in encryption.keys}
        gone = sorted(there - wanted)
        if not stale and not gone:
            return failed
        before_removal()
        # The slot that opened comes last: until then the others are made with its key.
        for key in sorted(stale, key=lambda one: one.slot == where):
            with _collected(key, failed):
                value, token = keys.made(key, volume)
                if key.slot == where:
                    _exchange(header, key.slot, value, known, wanted, cost, token)
                    known = value
                else:
                    header.remove(key.slot)
                    header.add(key.slot, value, known, cost, token)
                good.add(key.slot)
                log.info("%s: key slot %d (%s) is exchanged", volume, key.slot, key.kind)
        for slot in gone:
            if slot == where and not good:
                failed.append(f"key slot {slot} is kept: no other opens {volume}")
                continue
            try:
                header.remove(slot)
                if header.token(slot):
                    header.set_token(slot, "")
                log.info("%s: key slot %d is removed", volume, slot)
            except CryptError as error:
                failed.append(f"key slot {slot}: {error}")
    return failed


def _fits(header: Luks, key: EncryptionKey, volume: str, keys: Keys, opened: tuple[int, bytes]) -> bool:
    """Whether a slot that is filled holds what the configuration says. KeyUnavailableError: nobody can tell."""
    try:
        if keys.outdated(key, header.token(key.slot)):
            return False
        value = keys.value(key, volume, header.token(key.slot))
    except KeyUnavailableError:
        if key.kind != "tpm":
            raise
        return False  # sealed to another chip, or to registers that have changed: sealed anew, if there is a chip
    return (key.slot, value) == opened or header.opens(key.slot, value)


def _exchange(
    header: Luks, slot: int, new: bytes, known: bytes, wanted: set[int], cost: cryptsetup.Cost | None, token: str
) -> None:
    """Another key in the slot that opened the volume, by way of a spare one: power may fail in between."""
    spare = next(one for one in reversed(cryptsetup.SLOTS) if one not in header.slots() | wanted)
    header.add(spare, new, known, cost, token)
    header.remove(slot)
    header.add(slot, new, new, cost, token)
    header.remove(spare)
    if token:
        header.set_token(spare, "")


@contextmanager
def _collected(key: EncryptionKey, failed: list[str]) -> Iterator[None]:
    try:
        yield
    except (KeyUnavailableError, CryptError) as error:
        failed.append(f"key slot {key.slot} ({key.kind}): {error}")

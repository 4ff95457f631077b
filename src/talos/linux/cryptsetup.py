"""LUKS2 volumes through libcryptsetup: format, key slots, opening as a dm-crypt device (libcryptsetup.h, LUKS2 on-disk
format 1.1.1).

The library and what it is linked with lie beside the kernel modules of a machine; a development host has them where its
linker looks. Nothing is loaded before the first volume is asked for: a machine without encryption pays nothing.

A header is read once and kept in memory by the context that loaded it, so what was checked (cipher, slots) is what is
opened. Passphrases are bytes of any content.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

MACHINE_LIBRARIES = Path("/usr/lib/modules/machine/lib")
SLOTS = range(32)
_NAME = "libcryptsetup.so.12"
# In this order: each finds what it needs among those before it, where no linker would look.
_NEEDED = ("libuuid.so.1", "libblkid.so.1", "libpcre2-8.so.0", "libselinux.so.1", "libcap.so.2", "libudev.so.1",
           "libdevmapper.so.1.02.1", "libjson-c.so.5")  # fmt: skip
_LUKS2 = b"LUKS2"
_LOG_ERROR = 1
_ACTIVE_SLOT = (2, 3)  # CRYPT_SLOT_ACTIVE, CRYPT_SLOT_ACTIVE_LAST
_NO_BENCHMARK = 1 << 1
ALLOW_DISCARDS = 1 << 3
PERFORMANCE = {"same_cpu_crypt": 1 << 6, "no_read_workqueue": 1 << 24, "no_write_workqueue": 1 << 25}
"""what a configuration may ask of dm-crypt, by the names of cryptsetup(8)"""


class CryptError(Exception):
    """libcryptsetup refused; the text is its own."""


class WrongKeyError(CryptError):
    """The passphrase does not open that slot."""


class Cost(Struct, frozen=True):
    """Argon2id of a key slot. With iterations 0 they are measured, so that opening takes about time_ms here.

    Memory is capped at a quarter of the smallest machine's, where libcryptsetup's own limit (half of what there is when
    the slot is made, at most 1 GiB) would leave no room at a start with less.
    """

    time_ms: int = 2000
    memory_kib: int = 256 * 1024
    threads: int = 4
    iterations: int = 0


class Format(Struct, frozen=True):
    """cipher as the kernel calls it; sector 0: what suits the device, otherwise 512 to 4096 bytes. subsystem: a word
    that stays in the header until `set_label`."""

    cipher: str = "aes-xts-plain64"
    key_bits: int = 512
    sector: int = 0
    label: str = ""
    subsystem: str = ""


class _Pbkdf(ctypes.Structure):
    _fields_ = (("type", ctypes.c_char_p), ("hash", ctypes.c_char_p), ("time_ms", ctypes.c_uint32),
                ("iterations", ctypes.c_uint32), ("max_memory_kb", ctypes.c_uint32),
                ("parallel_threads", ctypes.c_uint32), ("flags", ctypes.c_uint32))  # fmt: skip


class _Luks2(ctypes.Structure):
    _fields_ = (("pbkdf", ctypes.POINTER(_Pbkdf)), ("integrity", ctypes.c_char_p),
                ("integrity_params", ctypes.c_void_p), ("data_alignment", ctypes.c_size_t),
                ("data_device", ctypes.c_char_p), ("sector_size", ctypes.c_uint32), ("label", ctypes.c_char_p),
                ("subsystem", ctypes.c_char_p))  # fmt: skip


_Log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_library: Any = None


def _load() -> Any:
    """CryptError where the library is missing."""
    global _library
    if _library is not None:
        return _library
    try:
        if (MACHINE_LIBRARIES / _NAME).exists():
            for name in _NEEDED:
                ctypes.CDLL(str(MACHINE_LIBRARIES / name), mode=ctypes.RTLD_GLOBAL)
            library = ctypes.CDLL(str(MACHINE_LIBRARIES / _NAME))
        else:
            library = ctypes.CDLL(_NAME)
    except OSError as error:
        raise CryptError(f"disk encryption is not available: {error}") from error
    text, size, number, handle = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p
    flags = ctypes.c_uint32
    arguments: dict[str, tuple[Any, ...]] = {
        "crypt_init": (ctypes.POINTER(handle), text),
        "crypt_set_log_callback": (handle, _Log, ctypes.c_void_p),
        "crypt_set_pbkdf_type": (handle, ctypes.POINTER(_Pbkdf)),
        "crypt_format": (handle, text, text, text, text, text, size, ctypes.POINTER(_Luks2)),
        "crypt_load": (handle, text, ctypes.c_void_p),
        "crypt_keyslot_add_by_volume_key": (handle, number, text, size, text, size),
        "crypt_keyslot_add_by_passphrase": (handle, number, text, size, text, size),
        "crypt_keyslot_destroy": (handle, number),
        "crypt_keyslot_status": (handle, number),
        "crypt_activate_by_passphrase": (handle, text, number, text, size, flags),
        "crypt_deactivate": (handle, text),
        "crypt_token_json_get": (handle, number, ctypes.POINTER(text)),
        "crypt_token_json_set": (handle, number, text),
        "crypt_set_label": (handle, text, text),
        "crypt_get_volume_key_size": (handle,),
        "crypt_free": (handle,),
    }
    for name, types in arguments.items():
        getattr(library, name).argtypes = types
    for name in ("crypt_get_cipher", "crypt_get_cipher_mode", "crypt_get_uuid", "crypt_get_subsystem"):
        getattr(library, name).argtypes, getattr(library, name).restype = (handle,), text
    library.crypt_free.restype = library.crypt_set_log_callback.restype = None
    _library = library
    return library


class Luks:
    """A device and its header. Made by `create` or `load`; a context that frees the keys in memory at its end."""

    def __init__(self, device: Path) -> None:
        self.device = device
        self._library = _load()
        self._said: list[str] = []
        self._log = _Log(self._take)  # kept: the library holds no reference
        self._handle = ctypes.c_void_p()
        self._check(
            self._library.crypt_init(ctypes.byref(self._handle), os.fsencode(device)), f"{device} cannot be opened"
        )
        self._library.crypt_set_log_callback(self._handle, self._log, None)

    def _take(self, level: int, message: bytes | None, _user: object) -> None:
        if level == _LOG_ERROR and message:
            self._said.append(message.decode(errors="replace").strip())

    def _check(self, result: int, what: str) -> int:
        said, self._said = self._said, []
        if result >= 0:
            return result
        reason = " ".join(said) or os.strerror(-result)
        raise (WrongKeyError if result == -errno.EPERM else CryptError)(f"{what}: {reason}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.crypt_free(self._handle)

    @classmethod
    def load(cls, device: Path) -> Self:
        """The header that is on a device, the second copy of it where the first is damaged. CryptError: there is none,
        or none that is whole."""
        self = cls(device)
        try:
            self._check(self._library.crypt_load(self._handle, _LUKS2, None), f"{device} has no usable LUKS2 header")
        except CryptError:
            self._library.crypt_free(self._handle)
            raise
        return self

    @classmethod
    def create(
        cls,
        device: Path,
        form: Format,
        keys: Mapping[int, bytes],
        cost: Cost | None = None,
        tokens: Mapping[int, str] | None = None,
    ) -> Self:
        """A new header over whatever is there, and its keys by slot. CryptError."""
        self = cls(device)
        cipher, _, mode = form.cipher.partition("-")
        parameters = _Luks2(
            sector_size=form.sector, label=form.label.encode() or None, subsystem=form.subsystem.encode() or None
        )
        try:
            self._set_cost(cost)
            done = self._library.crypt_format(
                self._handle, _LUKS2, cipher.encode(), mode.encode(), None, None, form.key_bits // 8,
                ctypes.byref(parameters),
            )  # fmt: skip
            self._check(done, f"{device} cannot be encrypted")
            for slot, token in (tokens or {}).items():
                self.set_token(slot, token)
            for slot, key in keys.items():
                added = self._library.crypt_keyslot_add_by_volume_key(self._handle, slot, None, 0, key, len(key))
                self._check(added, f"{device}: key slot {slot} cannot be filled")
        except CryptError:
            self._library.crypt_free(self._handle)
            raise
        return self

    def _set_cost(self, cost: Cost | None) -> None:
        cost = cost or Cost()
        kind = _Pbkdf(
            type=b"argon2id", hash=b"sha256", time_ms=cost.time_ms, iterations=cost.iterations,
            max_memory_kb=cost.memory_kib, parallel_threads=cost.threads, flags=_NO_BENCHMARK if cost.iterations else 0,
        )  # fmt: skip
        self._check(self._library.crypt_set_pbkdf_type(self._handle, ctypes.byref(kind)), "Argon2id")

    @property
    def uuid(self) -> str:
        return (self._library.crypt_get_uuid(self._handle) or b"").decode()

    @property
    def subsystem(self) -> str:
        return (self._library.crypt_get_subsystem(self._handle) or b"").decode(errors="replace")

    def set_label(self, label: str, subsystem: str = "") -> None:
        """Both. CryptError."""
        done = self._library.crypt_set_label(self._handle, label.encode(), subsystem.encode())
        self._check(done, f"{self.device}: its label cannot be written")

    @property
    def cipher(self) -> str:
        """As Format.cipher."""
        name = self._library.crypt_get_cipher(self._handle) or b""
        mode = self._library.crypt_get_cipher_mode(self._handle) or b""
        return f"{name.decode()}-{mode.decode()}"

    @property
    def key_bits(self) -> int:
        return int(self._library.crypt_get_volume_key_size(self._handle)) * 8

    def slots(self) -> frozenset[int]:
        """Slots that hold a key."""
        return frozenset(n for n in SLOTS if self._library.crypt_keyslot_status(self._handle, n) in _ACTIVE_SLOT)

    def opens(self, slot: int, key: bytes) -> bool:
        """Whether a key fits a slot. Takes as long as opening. CryptError."""
        try:
            self._activate(None, slot, key, 0)
        except WrongKeyError:
            return False
        return True

    def open(self, name: str, slot: int, key: bytes, flags: int = 0) -> Path:
        """The volume in clear as /dev/mapper/NAME. WrongKeyError, CryptError."""
        self._activate(name.encode(), slot, key, flags)
        return Path("/dev/mapper", name)

    def _activate(self, name: bytes | None, slot: int, key: bytes, flags: int) -> None:
        done = self._library.crypt_activate_by_passphrase(self._handle, name, slot, key, len(key), flags)
        if done == -errno.ENOENT:  # said of a slot without a key, and of a kernel without dm-crypt
            self._said.insert(0, f"slot {slot} holds no key" if slot not in self.slots() else "")
        self._check(done, f"{self.device}: key slot {slot} does not open")

    def token(self, slot: int) -> str:
        """What was written beside a slot, JSON; "" for nothing. Its number is the slot's."""
        found = ctypes.c_char_p()
        done = self._library.crypt_token_json_get(self._handle, slot, ctypes.byref(found))
        self._said.clear()
        return found.value.decode(errors="replace") if done >= 0 and found.value else ""

    def set_token(self, slot: int, token: str) -> None:
        """Write it, "" to remove it. CryptError. Before the slot is filled: a key that only its token tells would be
        lost with the power in between."""
        done = self._library.crypt_token_json_set(self._handle, slot, token.encode() or None)
        self._check(done, f"{self.device}: what belongs to key slot {slot} cannot be written")

    def add(self, slot: int, key: bytes, known: bytes, cost: Cost | None = None, token: str = "") -> None:
        """Another key, in a free slot; `known` opens any of the others. CryptError."""
        if token or self.token(slot):
            self.set_token(slot, token)
        self._set_cost(cost)
        done = self._library.crypt_keyslot_add_by_passphrase(self._handle, slot, known, len(known), key, len(key))
        self._check(done, f"{self.device}: key slot {slot} cannot be filled")

    def remove(self, slot: int) -> None:
        """Overwrite a slot. CryptError. The last one is not spared: whoever asks must know another that opens."""
        self._check(
            self._library.crypt_keyslot_destroy(self._handle, slot), f"{self.device}: key slot {slot} cannot be emptied"
        )


def close(name: str) -> None:
    """Take /dev/mapper/NAME away. CryptError: it is in use."""
    done = _load().crypt_deactivate(None, name.encode())
    if done < 0:
        raise CryptError(f"/dev/mapper/{name} cannot be closed: {os.strerror(-done)}")

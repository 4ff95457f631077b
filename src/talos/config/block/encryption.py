"""Disk encryption, shared by all kinds of volume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import field

from talos.config.document import Part
from talos.config.forms import Kept, Known, OneOf, Secret, UInt64

SLOTS = 32
REGISTERS = 24
SECTORS = (0, 512, 1024, 2048, 4096)
OPTIONS = ("no_read_workqueue", "no_write_workqueue", "same_cpu_crypt")


class EncryptionKeyStatic(Part, kw_only=True):
    """``encryption.keys.static``."""

    passphrase: Secret[str] = ""


class EncryptionKeyNodeID(Part, kw_only=True):
    """``encryption.keys.nodeID``."""


class EncryptionKeyKMS(Part, kw_only=True):
    """``encryption.keys.kms``."""

    endpoint: Kept[str] = ""


class EncryptionKeyTPMOptions(Part, kw_only=True):
    """``encryption.keys.tpm.options``."""

    pcrs: list[int] = field(default_factory=list)


class EncryptionKeyTPM(Part, kw_only=True):
    """``encryption.keys.tpm``."""

    options: EncryptionKeyTPMOptions | None = None
    check_secureboot_status_on_enroll: bool | None = None


class EncryptionKey(Part, kw_only=True):
    """``encryption.keys``."""

    slot: Kept[int] = 0
    static: EncryptionKeyStatic | None = None
    node_id: EncryptionKeyNodeID | None = field(default=None, name="nodeID")
    kms: EncryptionKeyKMS | None = None
    tpm: EncryptionKeyTPM | None = None
    lock_to_state: bool | None = None


class EncryptionSpec(Part, kw_only=True):
    """``encryption``."""

    provider: Kept[Annotated[str, OneOf("none", "luks2"), Known("luks2")]] = ""
    keys: Kept[list[EncryptionKey]] = field(default_factory=list)
    cipher: Annotated[
        str, Known("aes-xts-plain64", "xchacha12,aes-adiantum-plain64", "xchacha20,aes-adiantum-plain64")
    ] = ""
    key_size: UInt64 = 0
    block_size: UInt64 = 0
    options: list[str] = field(default_factory=list)
    allow_discards: bool | None = None


def encryption_problems(spec: EncryptionSpec) -> Iterator[str]:
    """Every key slot is used once, by exactly one kind of key."""
    slots = [k.slot for k in spec.keys]
    if len(slots) != len(set(slots)):
        yield "encryption.keys: two keys have the same slot"
    for number, key in enumerate(spec.keys):
        kinds = [k for k in (key.static, key.node_id, key.kms, key.tpm) if k is not None]
        if len(kinds) != 1:
            yield f"encryption.keys[{number}] needs exactly one of static, nodeID, kms and tpm"
        if not 0 <= key.slot < SLOTS:
            yield f"encryption.keys[{number}].slot is {key.slot}, LUKS2 has slots 0 to {SLOTS - 1}"
        if key.static is not None and not key.static.passphrase:
            yield f"encryption.keys[{number}].static.passphrase is empty"
        for register in key.tpm.options.pcrs if key.tpm is not None and key.tpm.options is not None else ():
            if not 0 <= register < REGISTERS:
                yield f"encryption.keys[{number}].tpm.options.pcrs: {register} is not between 0 and {REGISTERS - 1}"
    if spec.provider and not spec.keys:
        yield "encryption.keys needs at least one key"
    if spec.key_size % 8:
        yield f"encryption.keySize is {spec.key_size}, must be a number of bits that is a multiple of 8"
    if spec.block_size not in SECTORS:
        yield f"encryption.blockSize is {spec.block_size}, must be one of {', '.join(map(str, SECTORS[1:]))}"
    for option in spec.options:
        if option not in OPTIONS:
            yield f"encryption.options: {option!r} is none of {', '.join(OPTIONS)}"

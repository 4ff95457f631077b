"""``machine.systemDiskEncryption`` of the v1alpha1 document."""

from __future__ import annotations

from msgspec import field

from talos.config.document import Part
from talos.config.forms import Kept, Secret, UInt64


class EncryptionKeyStatic(Part, kw_only=True):
    """``machine.systemDiskEncryption.state.keys.static``."""

    passphrase: Secret[str] = ""


class EncryptionKeyNodeID(Part, kw_only=True):
    """``machine.systemDiskEncryption.state.keys.nodeID``."""


class EncryptionKeyKMS(Part, kw_only=True):
    """``machine.systemDiskEncryption.state.keys.kms``."""

    endpoint: Kept[str] = ""


class EncryptionKeyTPM(Part, kw_only=True):
    """``machine.systemDiskEncryption.state.keys.tpm``."""

    check_secureboot_status_on_enroll: bool | None = None


class EncryptionKey(Part, kw_only=True):
    """``machine.systemDiskEncryption.state.keys``."""

    static: EncryptionKeyStatic | None = None
    node_id: EncryptionKeyNodeID | None = field(default=None, name="nodeID")
    kms: EncryptionKeyKMS | None = None
    slot: Kept[int] = 0
    tpm: EncryptionKeyTPM | None = None


class EncryptionConfig(Part, kw_only=True):
    """``machine.systemDiskEncryption.state``."""

    provider: Kept[str] = ""
    keys: Kept[list[EncryptionKey]] = field(default_factory=list)
    cipher: str = ""
    key_size: UInt64 = 0
    block_size: UInt64 = 0
    options: list[str] = field(default_factory=list)


class SystemDiskEncryptionConfig(Part, kw_only=True):
    """``machine.systemDiskEncryption``."""

    state: EncryptionConfig | None = None
    ephemeral: EncryptionConfig | None = None

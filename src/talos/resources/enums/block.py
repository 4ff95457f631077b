"""Enumerations of the domain block: number on the proto wire, text in YAML."""

from __future__ import annotations

from talos.state.enums import WireEnum


class EncryptionKeyType(WireEnum):
    """Enumeration BlockEncryptionKeyType of the wire contract."""

    STATIC = 0, "static"
    NODE_ID = 1, "nodeID"
    KMS = 2, "kms"
    TPM = 3, "tpm"


class EncryptionProviderType(WireEnum):
    """Enumeration BlockEncryptionProviderType of the wire contract."""

    NONE = 0, "none"
    LUKS2 = 1, "luks2"


class FSParameterType(WireEnum):
    """Enumeration BlockFSParameterType of the wire contract."""

    STRING_VALUE = 0, "string"
    BOOLEAN_VALUE = 1, "boolean"
    BINARY_VALUE = 2, "binary"


class FilesystemType(WireEnum):
    """Enumeration BlockFilesystemType of the wire contract."""

    NONE = 0, "none"
    XFS = 1, "xfs"
    VFAT = 2, "vfat"
    EXT4 = 3, "ext4"
    ISO9660 = 4, "iso9660"
    SWAP = 5, "swapi"
    VIRTIOFS = 6, "virtiofs"
    BTRFS = 7, "btrfs"


class VolumePhase(WireEnum):
    """Enumeration BlockVolumePhase of the wire contract."""

    WAITING = 0, "waiting"
    FAILED = 1, "failed"
    MISSING = 2, "missing"
    LOCATED = 3, "located"
    PROVISIONED = 4, "provisioned"
    PREPARED = 5, "prepared"
    READY = 6, "ready"
    CLOSED = 7, "closed"


class VolumeType(WireEnum):
    """Enumeration BlockVolumeType of the wire contract."""

    PARTITION = 0, "partition"
    DISK = 1, "disk"
    TMPFS = 2, "tmpfs"
    DIRECTORY = 3, "directory"
    SYMLINK = 4, "symlink"
    OVERLAY = 5, "overlay"
    EXTERNAL = 6, "external"

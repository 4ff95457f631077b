"""What the documents of all kinds of volume have in common: sizes and encryption."""

from __future__ import annotations

from talos.config.block.encryption import EncryptionKeyTPM, EncryptionKeyTPMOptions, EncryptionSpec
from talos.config.block.provisioning import ProvisioningSpec
from talos.config.forms import byte_size
from talos.config.v1alpha1.encryption import EncryptionConfig
from talos.config.v1alpha1.encryption import EncryptionKeyTPM as LegacyKeyTPM
from talos.config.view.model import Encryption, EncryptionKey, Provisioning

USER, RAW, EXISTING, SWAP, DISK, CACHE = "user", "raw", "existing", "swap", "disk", "cache"
PREFIXES = {USER: "u-", RAW: "r-", EXISTING: "e-", SWAP: "s-", DISK: "d-"}
"""role → beginning of a volume's id, which is its partition's label; DISK: of machine.disks"""
IMAGE_CACHE, IMAGE_CACHE_MEDIUM = "IMAGECACHE", "IMAGECACHE-ISO"
CACHES = {IMAGE_CACHE: "/system/imagecache/disk", IMAGE_CACHE_MEDIUM: "/system/imagecache/iso"}
"""id → where a volume with a cache of images is mounted; their role is CACHE"""
MEDIUM_LABEL = "TALOS"
"""that the label of an ISO of the system begins with"""
_FOLDERS = {USER: "/var/mnt", EXISTING: "/var/mnt", DISK: "/var"}


def mount_path(id: str) -> str:
    """Where the volume of that id is mounted, "" for one that is not."""
    if id in CACHES:
        return CACHES[id]
    return next((f"{folder}/{id[2:]}" for role, folder in _FOLDERS.items() if id.startswith(PREFIXES[role])), "")


def encryption_if_wanted(spec: EncryptionSpec) -> Encryption | None:
    """Keys without a provider ask for it as well: better encrypted by mistake than in clear."""
    asked = spec.provider != "none" and (spec.provider or spec.keys)
    return encryption_of(spec) if asked else None


def provisioning_of(spec: ProvisioningSpec) -> Provisioning:
    """Sizes as numbers. ValueError cannot be: the forms of the keys were checked when they were decoded."""
    size = spec.max_size.removeprefix("-")
    percent = int(size.removesuffix("%")) if size.endswith("%") else 0
    return Provisioning(
        selector=spec.disk_selector.match,
        min_size=size_of(spec.min_size),
        max_size=0 if percent or size.endswith("%") else size_of(size),
        max_percent=percent,
        negative=spec.max_size.startswith("-"),
        grow=spec.grow,
    )


def size_of(text: str) -> int:
    """Bytes, 0 for no size."""
    return byte_size(text) if text else 0


def encryption_of(spec: EncryptionSpec | EncryptionConfig) -> Encryption:
    """Keys and cipher, of either layout."""
    keys = []
    for key in spec.keys:
        kinds = {"static": key.static, "nodeID": key.node_id, "kms": key.kms, "tpm": key.tpm}
        keys += [
            EncryptionKey(
                key.slot,
                kind,
                passphrase=key.static.passphrase if kind == "static" and key.static is not None else "",
                lock_to_state=bool(getattr(key, "lock_to_state", False)),
                registers=_registers(key.tpm),
                check_secure_boot=bool(key.tpm and key.tpm.check_secureboot_status_on_enroll),
                endpoint=key.kms.endpoint if kind == "kms" and key.kms is not None else "",
            )
            for kind, given in kinds.items()
            if given is not None
        ]
    return Encryption(
        keys=tuple(keys),
        provider=spec.provider,
        cipher=spec.cipher,
        key_size=spec.key_size,
        block_size=spec.block_size,
        options=tuple(spec.options),
        allow_discards=bool(getattr(spec, "allow_discards", False)),
    )


def _registers(tpm: EncryptionKeyTPM | LegacyKeyTPM | None) -> tuple[int, ...]:
    options = getattr(tpm, "options", None)
    return tuple(options.pcrs) if isinstance(options, EncryptionKeyTPMOptions) else ()
